//! The jobs in other formats than JSON: the services know nothing of that, the channels say it.

use zato::{Result, Rows, model, service};

/// One row of a file.
#[model]
pub(crate) struct Row {
    id: u32,
    name: String,
    quantity: u32,
    price: f64,
    is_paid: bool,
}

/// How many rows there were, and what they add up to.
#[model]
#[derive(Default)]
pub(crate) struct Sum {
    count: u64,
    quantity: u64,
}

/// Adds rows up as they come.
#[service(name = "rows.add")]
pub(crate) async fn add_rows(mut rows: Rows<Row>) -> Result<Sum> {
    let mut sum = Sum::default();
    while let Some(row) = rows.next().await? {
        sum.count += 1;
        sum.quantity += u64::from(row.quantity);
    }
    Ok(sum)
}

/// What the caller says is what it sends and gets.
pub(crate) const ORDER: &str =
    "  - {name: order-in-xml, url_path: /api/v1/order-in-xml, service: order.echo, data_format: negotiate}\n";

/// Files of any length that matters here.
pub(crate) const ROWS: &str =
    "  - {name: rows, url_path: /api/v1/rows, service: rows.add, data_format: negotiate, max_body_size: 64 MB}\n";

/// The only channel; there is none of REST beside it.
pub(crate) const SOAP: &str = "  []\nchannel_soap:\n  - {name: soap, url_path: /api/v1/soap, service: client.get, \
    operation: GetClient, namespace: 'urn:example:clients'}\n";
