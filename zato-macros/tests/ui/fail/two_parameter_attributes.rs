//! One parameter that is two things.

use zato::loopback::Loopback;
use zato::{Result, service};

#[service]
pub async fn ping(
    #[out("CRM")]
    #[state]
    crm: Loopback,
) -> Result<()> {
    let _ = crm;
    Ok(())
}

fn main() {}
