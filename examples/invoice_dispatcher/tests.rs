//! The service with a storage in the test's own process.

use zato::{Result, services, swift::ObjectStorage, testing};

use super::dispatch;

const CONFIG: &str = include_str!("zato.yaml");

#[tokio::test]
async fn each_target_gets_the_invoice_as_it_came() -> Result<()> {
    let fake = ObjectStorage::fake().await;
    let app = testing::app("invoices").services(services![dispatch]).config_yaml(CONFIG);
    let app = app.fake("Invoice Dispatcher", &fake.storage()).start().await?;
    let client = testing::client(&app);
    let invoice = "{\"id\":  \"123\"}";
    let reply = client.post("/invoice.dispatcher?target=CRM&target=Billing", invoice).await;
    assert_eq!(reply.status, 204);
    for container in ["CRM", "Billing"] {
        assert_eq!(fake.object(&format!("{container}/Invoice")).expect("it is there"), invoice);
    }
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_dispatched_is_refused() -> Result<()> {
    let fake = ObjectStorage::fake().await;
    let app = testing::app("invoices").services(services![dispatch]).config_yaml(CONFIG);
    let app = app.fake("Invoice Dispatcher", &fake.storage()).start().await?;
    let client = testing::client(&app);
    for (path, invoice) in [
        ("/invoice.dispatcher", "{}"),
        ("/invoice.dispatcher?target=CRM", ""),
        ("/invoice.dispatcher?target=..", "{}"),
        ("/invoice.dispatcher?target=a%0Ab", "{}"),
    ] {
        assert_eq!(client.post(path, invoice).await.status, 400, "{path}");
    }
    Ok(())
}
