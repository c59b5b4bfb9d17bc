//! A context that is called like zato's.

use zato::{Result, service};

pub struct Context;

#[service]
pub async fn ping(ctx: &Context) -> Result<()> {
    let _ = ctx;
    Ok(())
}

fn main() {}
