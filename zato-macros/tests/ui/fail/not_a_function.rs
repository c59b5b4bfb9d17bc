//! The attribute on something else than a function.

use zato::service;

/// A struct.
#[service]
pub struct Ping {
    pub name: u32,
}

fn main() {}
