//! Misspelt and invented attributes on parameters.

use zato::loopback::Loopback;
use zato::{Result, service};

#[service]
pub async fn misspelt(#[outt("CRM")] crm: Loopback, #[sate] count: u32) -> Result<()> {
    let _ = (crm, count);
    Ok(())
}

#[service]
pub async fn with_a_path(#[zato::out("CRM")] crm: Loopback) -> Result<()> {
    let _ = crm;
    Ok(())
}

#[service]
pub async fn invented(#[connection("CRM")] crm: Loopback) -> Result<()> {
    let _ = crm;
    Ok(())
}

#[service]
pub async fn conditional(
    #[cfg(unix)]
    #[out("CRM")]
    crm: Loopback,
) -> Result<()> {
    let _ = crm;
    Ok(())
}

fn main() {}
