//! An invoice for many: it comes in once, by whatever channel, and each application that is to have it finds it in object
//! storage, in a container of its own.
//!
//! ```text
//! cargo run --example invoice_dispatcher --features swift
//! curl "localhost:17010/invoice.dispatcher?target=CRM&target=Billing" -d '{"id":"123"}'
//! cat invoices/CRM/Invoice
//! ```
//!
//! The storage is a folder, `invoices` in the one that it is started in, or wherever `INVOICES` says. To keep the invoices in
//! OpenStack's object storage change one line of `zato.yaml`, `scheme: fs` to `scheme: swift`, while it runs if you like. `cargo
//! test --example invoice_dispatcher --features full` tests it without either.

use zato::{Context, Error, Result, model, service, services, swift::ObjectStorage};

/// Who gets the invoice.
#[model]
#[derive(Debug)]
pub struct Targets {
    /// Containers, each of an application.
    #[model(length(min = 1, max = 100))]
    pub target: Vec<String>,
}

/// Stores the request, as it came, for each target.
#[service(name = "invoice.dispatcher")]
pub async fn dispatch(
    ctx: &Context,
    input: Targets,
    #[out("Invoice Dispatcher")] storage: ObjectStorage,
) -> Result<()> {
    let invoice = ctx.payload();
    if invoice.is_empty() {
        return Err(Error::invalid_input("there is no invoice in the request"));
    }
    for target in &input.target {
        storage.put(&format!("{target}/Invoice"), invoice.clone()).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/invoice_dispatcher/zato.yaml");
    zato::app("invoices").services(services![dispatch]).config_file(config).run().await
}

#[cfg(test)]
mod tests;
