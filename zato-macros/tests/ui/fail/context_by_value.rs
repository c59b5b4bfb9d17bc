//! A context that is not taken as `&Context`.

use zato::{Context, Result, service};

#[service]
pub async fn by_value(ctx: Context) -> Result<()> {
    let _ = ctx;
    Ok(())
}

#[service]
pub async fn by_mutable_reference(ctx: &mut Context) -> Result<()> {
    let _ = ctx;
    Ok(())
}

fn main() {}
