//! HTTPS: certificates made for each test, clients that present them or not, and connections that begin in every wrong way.

pub(crate) mod certificates;
mod clients;
mod configurations;
mod handshakes;
mod mtls;
mod proxied;
mod rotation;
