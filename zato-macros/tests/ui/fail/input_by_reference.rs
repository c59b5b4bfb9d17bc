//! An input behind a reference.

use zato::{Result, model, service};

#[model]
pub struct GetUser {
    pub user_name: String,
}

#[service]
pub async fn get_details(input: &GetUser) -> Result<()> {
    let _ = input;
    Ok(())
}

fn main() {}
