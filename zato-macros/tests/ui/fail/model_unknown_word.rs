//! Words that `#[model]` does not know.

use zato::model;

#[model(corce)]
pub struct Misspelt {
    pub a: u32,
}

#[model(format(name = "a"))]
pub struct Invented {
    #[model(sceret)]
    pub a: u32,
    #[model(xml(nmae = "b"))]
    pub b: u32,
    #[model(deny_unknown)]
    pub c: u32,
}

#[model(coerce = true, deny_unknown, deny_unknown)]
pub struct Superfluous {
    pub a: u32,
}

fn main() {}
