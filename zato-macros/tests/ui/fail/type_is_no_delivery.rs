//! Deliveries of another type.

use zato::{Delivery, Result, service};

#[service]
pub async fn number(#[delivery] delivery: u32) -> Result<()> {
    let _ = delivery;
    Ok(())
}

#[service]
pub async fn several(#[delivery] deliveries: Vec<Delivery>) -> Result<()> {
    let _ = deliveries;
    Ok(())
}

fn main() {}
