//! Services whose errors are not zato's, and do not convert into it.

use std::error::Error;

use zato::service;

pub struct MyError;

#[service]
pub async fn own() -> Result<(), MyError> {
    Ok(())
}

#[service]
pub async fn boxed() -> Result<(), Box<dyn Error>> {
    Ok(())
}

fn main() {}
