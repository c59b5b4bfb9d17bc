//! The attribute twice.

use zato::{Result, service, services};

#[service(name = "api.ping")]
#[service(name = "api.pong")]
pub async fn ping() -> Result<()> {
    Ok(())
}

fn main() {
    let _ = services![ping];
}
