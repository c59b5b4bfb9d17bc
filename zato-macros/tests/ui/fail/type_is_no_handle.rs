//! Types that do not fit their attribute.

use zato::{Result, service};

#[service]
pub async fn outgoing(#[out("CRM")] crm: u32) -> Result<()> {
    let _ = crm;
    Ok(())
}

#[service]
pub async fn configuration(#[config("tutorial")] tutorial: &u32) -> Result<()> {
    let _ = tutorial;
    Ok(())
}

#[service]
pub async fn invocation(#[invoke] other: u32) -> Result<()> {
    let _ = other;
    Ok(())
}

fn main() {}
