//! Functions without `#[service]`, where a service is expected.

use zato::{Context, Invoke, Result, service, services};

pub async fn plain() -> Result<()> {
    Ok(())
}

pub struct Plain;

#[service]
pub async fn ping(ctx: &Context, #[invoke] next: Invoke<plain>) -> Result<()> {
    let _ = next;
    ctx.invoke::<plain>(()).await
}

fn main() {
    let _ = services![plain, Plain];
}
