//! Services that stand for more than one function.

use zato::{Context, Result, service};

#[service]
pub async fn type_parameter<T>(input: T) -> Result<()> {
    let _ = input;
    Ok(())
}

#[service]
pub async fn lifetime<'a>(ctx: &'a Context) -> Result<()> {
    let _ = ctx;
    Ok(())
}

#[service]
pub async fn impl_trait(input: impl Send) -> Result<()> {
    let _ = input;
    Ok(())
}

#[service]
pub async fn returned_impl_trait() -> Result<Option<impl Send>> {
    Ok(Some(1))
}

fn main() {}
