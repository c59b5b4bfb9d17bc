//! A delivery that would still be there after it was settled.

use zato::{Delivery, Result, service};

#[service]
pub async fn take(#[delivery] delivery: &Delivery) -> Result<()> {
    let _ = delivery;
    Ok(())
}

fn main() {}
