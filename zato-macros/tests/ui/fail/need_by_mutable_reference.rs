//! A connection that is taken neither by value nor by `&`.

use zato::loopback::Loopback;
use zato::{Result, service};

#[service]
pub async fn ping(#[out("CRM")] crm: &mut Loopback, #[out("Pay")] pay: &'static Loopback) -> Result<()> {
    let _ = (crm, pay);
    Ok(())
}

fn main() {}
