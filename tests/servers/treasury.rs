//! The example `treasury_rates` with clients that nobody here wrote: one service, asked in three formats.

use serde_json::json;
use zato::{Result, services};

use self::treasury_rates::{Memory, WithTreasury, feed::Treasury, get_rates, update};
use crate::partner::TREASURY;

#[path = "../../examples/treasury_rates/main.rs"]
#[expect(dead_code, unreachable_pub, reason = "its `main` runs as a program")]
mod treasury_rates;

#[tokio::test(flavor = "multi_thread")]
async fn three_clients_of_others_are_told_the_same_rates() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/treasury_rates/zato.yaml");
    let environment = WithTreasury { treasury: Treasury::start().await?, bind: Some("127.0.0.1:0") };
    let app = zato::app("treasury-rates").services(services![update, get_rates]).state(Memory::default());
    let app = app.config_file(config).environment(environment).start().await?;
    let base = app.addresses().first().cloned().unwrap_or_default();
    let said = TREASURY.run("three_clients_of_others_are_told_the_same_rates", &[&base]).await;
    app.stop().await;
    let Some(said) = said else { return Ok(()) };
    let rates = json!([["2013-01-04", "0.43"], ["2013-01-07", "0.42"]]);
    assert_eq!(said, json!({"json": rates, "xml": rates, "soap": rates}));
    Ok(())
}
