//! Inputs and outputs that belong to somebody else.

use std::borrow::Cow;

use zato::{Context, Result, service};

#[service]
pub async fn input(input: Vec<Cow<'_, str>>) -> Result<()> {
    let _ = input;
    Ok(())
}

#[service]
pub async fn output(ctx: &Context) -> Result<&Context> {
    Ok(ctx)
}

fn main() {}
