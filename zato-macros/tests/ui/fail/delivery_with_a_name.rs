//! A delivery that is asked for by a name.

use zato::{Delivery, Result, service};

#[service]
pub async fn take(#[delivery("orders")] delivery: Delivery) -> Result<()> {
    delivery.ack().await
}

fn main() {}
