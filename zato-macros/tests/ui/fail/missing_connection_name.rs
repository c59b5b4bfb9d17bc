//! Connections and configurations without a name.

use zato::loopback::Loopback;
use zato::{Result, UserConfig, service};

#[service]
pub async fn ping(
    #[out] bare: Loopback,
    #[out()] nothing: Loopback,
    #[out("")] empty: Loopback,
    #[out(CRM)] not_a_string: Loopback,
    #[out = "CRM"] not_in_parentheses: Loopback,
    #[config] tutorial: UserConfig,
) -> Result<()> {
    let _ = (bare, nothing, empty, not_a_string, not_in_parentheses, tutorial);
    Ok(())
}

fn main() {}
