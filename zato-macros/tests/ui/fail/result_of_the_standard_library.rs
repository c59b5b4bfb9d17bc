//! `Result` without the import of zato's.

use zato::service;

#[service]
pub async fn ping() -> Result<()> {
    Ok(())
}

fn main() {}
