//! A service that cannot fail.

use zato::service;

#[service]
pub async fn count() -> u32 {
    1
}

fn main() {}
