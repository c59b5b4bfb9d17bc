//! Functions of other kinds.

use zato::{Result, service};

#[service]
pub async unsafe fn is_unsafe() -> Result<()> {
    Ok(())
}

#[service]
pub async extern "C" fn is_extern() -> Result<()> {
    Ok(())
}

fn main() {}
