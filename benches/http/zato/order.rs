//! The document of `crate::order` as models.

use zato::{Result, model, service};

#[model]
pub(crate) struct Order {
    number: u64,
    placed: String,
    customer: Customer,
    lines: Vec<Line>,
    total: f64,
}

#[model]
pub(crate) struct Customer {
    name: String,
    is_business: bool,
    addresses: Vec<Address>,
}

#[model]
pub(crate) struct Address {
    street: String,
    city: String,
    country: String,
}

#[model]
pub(crate) struct Line {
    position: u32,
    product: Product,
    quantity: i32,
    price: f64,
    note: Option<String>,
}

#[model]
pub(crate) struct Product {
    code: String,
    title: String,
    tags: Vec<String>,
}

/// Gives back what it takes.
#[service(name = "order.echo")]
pub(crate) async fn echo(order: Order) -> Result<Order> {
    Ok(order)
}
