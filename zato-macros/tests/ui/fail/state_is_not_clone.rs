//! A state that every request would have to share.

use zato::{Result, service};

pub struct Db;

#[service]
pub async fn ping(#[state] db: &Db) -> Result<()> {
    let _ = db;
    Ok(())
}

fn main() {}
