//! Words that `#[model]` does not know.

use zato::model;

#[model(corce)]
pub struct Misspelt {
    pub a: u32,
}

#[model(xml(name = "a"))]
pub struct Invented {
    pub a: u32,
}

#[model(coerce = true, deny_unknown, deny_unknown)]
pub struct Superfluous {
    pub a: u32,
}

fn main() {}
