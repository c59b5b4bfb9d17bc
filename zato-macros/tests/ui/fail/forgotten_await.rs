//! Calls that nobody waits for.

use zato::loopback::Loopback;
use zato::{Context, Invoke, Raw, Result, service};

#[service]
pub async fn relay(input: Raw, #[out("CRM")] crm: Loopback) -> Result<Raw> {
    let reply = crm.call(input.bytes().await?)?;
    Ok(Raw::new(reply))
}

#[service]
pub async fn forward(ctx: &Context, input: Raw, #[invoke] relay: Invoke<relay>) -> Result<Raw> {
    relay.call(ctx, input)
}

fn main() {}
