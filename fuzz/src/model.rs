//! What the targets are read as: every kind of field that models have.

use std::collections::BTreeMap;

use zato::{Decimal, Result, Value, chrono, model, service, uuid::Uuid};

/// An order.
#[model]
pub struct Order {
    id: u32,
    reference: Option<Uuid>,
    placed: Option<chrono::DateTime<chrono::Utc>>,
    day: Option<chrono::NaiveDate>,
    total: Option<Decimal>,
    rate: Option<f64>,
    is_express: Option<bool>,
    kind: Option<Kind>,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    limits: BTreeMap<String, i64>,
    anything: Option<Value>,
    part_of: Option<Box<Order>>,
}

/// A line of it.
#[model]
pub struct Line {
    code: String,
    count: i16,
}

/// A kind of order.
#[model]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Sale,
    Return,
}

/// A row of a file.
#[model]
pub struct Row {
    id: u32,
    name: String,
    amount: Option<Decimal>,
    is_paid: Option<bool>,
}

/// Gives an order back as it was read.
#[service(name = "order.echo")]
pub async fn echo_order(input: Order) -> Result<Order> {
    Ok(input)
}

/// Gives rows back as they were read.
#[service(name = "rows.echo")]
pub async fn echo_rows(input: Vec<Row>) -> Result<Vec<Row>> {
    Ok(input)
}
