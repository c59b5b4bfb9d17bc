//! Names that a service cannot have.

use zato::{Result, service};

#[service(name = "")]
pub async fn empty() -> Result<()> {
    Ok(())
}

#[service(name = "api/user")]
pub async fn with_a_slash() -> Result<()> {
    Ok(())
}

#[service(name = "api..user")]
pub async fn with_an_empty_segment() -> Result<()> {
    Ok(())
}

#[service(name = ".api")]
pub async fn with_a_dot_before() -> Result<()> {
    Ok(())
}

#[service(name = "api.")]
pub async fn with_a_dot_after() -> Result<()> {
    Ok(())
}

#[service(name = "zato.ping")]
pub async fn of_the_framework() -> Result<()> {
    Ok(())
}

#[service]
pub async fn größe() -> Result<()> {
    Ok(())
}

fn main() {}
