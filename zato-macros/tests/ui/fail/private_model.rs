//! A service that is more visible than its input.

#![allow(dead_code, private_interfaces)]

use zato::{Result, model, service};

#[model]
struct GetUser {
    user_name: String,
}

#[service]
pub async fn get_details(input: GetUser) -> Result<()> {
    let _ = input.user_name;
    Ok(())
}

fn main() {}
