//! A union as a model.

use zato::model;

#[model]
pub union Either {
    pub whole: u32,
    pub part: f32,
}

fn main() {}
