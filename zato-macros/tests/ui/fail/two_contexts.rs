//! Two contexts.

use zato::{Context, Result, service};

#[service]
pub async fn ping(first: &Context, second: &zato::Context) -> Result<()> {
    let _ = (first, second);
    Ok(())
}

fn main() {}
