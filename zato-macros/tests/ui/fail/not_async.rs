//! A service without `async`.

use zato::{Result, service};

#[service]
pub fn ping() -> Result<()> {
    Ok(())
}

fn main() {
    let _ = zato::services![ping];
}
