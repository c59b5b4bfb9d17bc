//! Attributes that take no name, with one.

use zato::{Invoke, Result, service};

#[service]
pub async fn other() -> Result<()> {
    Ok(())
}

#[service]
pub async fn ping(#[state("db")] db: u32, #[invoke("other")] next: Invoke<other>) -> Result<()> {
    let _ = (db, next);
    Ok(())
}

fn main() {}
