//! Two parameters without an attribute, one of which is a connection in truth.

use zato::loopback::Loopback;
use zato::{Result, model, service};

#[model]
pub struct GetUser {
    pub user_name: String,
}

#[service]
pub async fn get_details(input: GetUser, crm: Loopback) -> Result<()> {
    let _ = (input, crm);
    Ok(())
}

fn main() {}
