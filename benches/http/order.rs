//! A document of some 20 KB that comes back as it went in; `xtask` writes it.

use serde::{Deserialize, Serialize};

/// Where it is echoed.
pub(crate) const PATH: &str = "/api/v1/order";

#[derive(Deserialize, Serialize)]
pub(crate) struct Order {
    number: u64,
    placed: String,
    customer: Customer,
    lines: Vec<Line>,
    total: f64,
}

#[derive(Deserialize, Serialize)]
struct Customer {
    name: String,
    is_business: bool,
    addresses: Vec<Address>,
}

#[derive(Deserialize, Serialize)]
struct Address {
    street: String,
    city: String,
    country: String,
}

#[derive(Deserialize, Serialize)]
struct Line {
    position: u32,
    product: Product,
    quantity: i32,
    price: f64,
    note: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Product {
    code: String,
    title: String,
    tags: Vec<String>,
}
