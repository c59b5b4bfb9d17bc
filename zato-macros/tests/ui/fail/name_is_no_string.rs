//! A service's name that is not a string literal.

use zato::{Result, service};

const NAME: &str = "api.ping";

#[service(name = NAME)]
pub async fn constant() -> Result<()> {
    Ok(())
}

#[service(name = 5)]
pub async fn number() -> Result<()> {
    Ok(())
}

#[service(name("api.ping"))]
pub async fn in_parentheses() -> Result<()> {
    Ok(())
}

#[service(name)]
pub async fn nothing() -> Result<()> {
    Ok(())
}

fn main() {
    let _ = NAME;
}
