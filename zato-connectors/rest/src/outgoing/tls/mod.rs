//! TLS of outgoing calls, if the feature `tls` is there; an error of the configuration that wants it, if not.

#[cfg(any(test, not(feature = "tls")))]
#[cfg_attr(feature = "tls", expect(dead_code, reason = "what is said without the feature is tested with it"))]
mod absent;
#[cfg(feature = "tls")]
mod spoken;

#[cfg(not(feature = "tls"))]
pub(super) use self::absent::{Tls, configure, of_partner, of_token_endpoint};
#[cfg(feature = "tls")]
pub(super) use self::spoken::{Tls, configure, of_partner, of_token_endpoint};
