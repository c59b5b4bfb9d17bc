//! A service that returns nothing at all.

use zato::service;

#[service]
pub async fn ping() {}

fn main() {}
