//! A connection that is taken for the input.

use zato::loopback::Loopback;
use zato::{Context, Result, service};

#[service]
pub async fn ping(ctx: &Context, crm: Loopback) -> Result<()> {
    let _ = (ctx, crm);
    Ok(())
}

fn main() {}
