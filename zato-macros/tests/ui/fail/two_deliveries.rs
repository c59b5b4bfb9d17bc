//! Two deliveries of one message.

use zato::{Delivery, Result, service};

#[service]
pub async fn take(#[delivery] first: Delivery, #[delivery] second: Option<Delivery>) -> Result<()> {
    let _ = (first, second);
    Ok(())
}

fn main() {}
