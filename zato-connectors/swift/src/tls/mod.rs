//! TLS to the server, if the feature `tls` is there; an error of the configuration that wants it, if not.

#[cfg(any(test, not(feature = "tls")))]
#[cfg_attr(feature = "tls", expect(dead_code, reason = "what is said without the feature is tested with it"))]
mod absent;
#[cfg(feature = "tls")]
mod spoken;

#[cfg(not(feature = "tls"))]
pub(crate) use self::absent::{Tls, configure, of, of_storage};
#[cfg(feature = "tls")]
pub(crate) use self::spoken::{Tls, configure, of, of_storage};
