//! Functions that can't check what they are to check.

use zato::model;

#[model(custom(in_order))]
pub struct Order {
    #[model(custom(short))]
    pub name: String,
    #[model(custom(even))]
    pub number: u32,
    #[model(custom("positive"))]
    pub amount: i64,
}

fn in_order(order: &Order) -> bool {
    order.number > 0
}

fn short(name: &str) -> Result<(), u32> {
    if name.len() > 3 { Err(3) } else { Ok(()) }
}

fn even(number: u32) -> Result<(), String> {
    if number % 2 == 0 { Ok(()) } else { Err("odd".to_owned()) }
}

fn main() {}
