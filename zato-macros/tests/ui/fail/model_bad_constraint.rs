//! Constraints that say nothing, or nothing that can be so.

use zato::model;

#[model(length(min = 1))]
pub struct Order {
    #[model(lenght(min = 1))]
    pub name: String,
    #[model(length(min = 5, max = 1))]
    pub code: String,
    #[model(pattern("^(a"))]
    pub key: String,
    #[model(email = true, inner())]
    pub mail: String,
    #[model(range(min = 1, max = "9"))]
    pub number: u8,
}

fn main() {}
