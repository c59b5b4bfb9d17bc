//! Versions of TLS.

use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use zato_core::config::TlsVersion;

static SINCE_1_2: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
static SINCE_1_3: [&SupportedProtocolVersion; 1] = [&TLS13];

/// Returns the versions that are spoken, given the oldest of them.
pub(crate) fn since(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        TlsVersion::V1_2 => &SINCE_1_2,
        TlsVersion::V1_3 => &SINCE_1_3,
    }
}
