//! Arguments of `#[service]` that do not exist.

use zato::{Result, service};

#[service(nmae = "api.misspelt")]
pub async fn misspelt() -> Result<()> {
    Ok(())
}

#[service(timeout = 5, name = "api.invented")]
pub async fn invented() -> Result<()> {
    Ok(())
}

#[service("api.without-a-key")]
pub async fn without_a_key() -> Result<()> {
    Ok(())
}

#[service(name = "api.once", name = "api.twice")]
pub async fn twice() -> Result<()> {
    Ok(())
}

fn main() {}
