//! Constraints on types that they say nothing about.

use zato::{Decimal, chrono::NaiveDate, model};

#[model]
pub struct Order {
    #[model(length(min = 1))]
    pub id: u32,
    #[model(range(min = 1))]
    pub name: String,
    #[model(range(min = 2000))]
    pub day: NaiveDate,
    #[model(range(max = "1.5"))]
    pub share: f64,
    #[model(email)]
    pub mails: Vec<String>,
    #[model(inner(length(max = 3)))]
    pub code: String,
    #[model(range(min = 1))]
    pub amount: Option<Decimal>,
}

fn main() {}
