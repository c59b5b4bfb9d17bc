//! A function as a model.

use zato::model;

#[model]
pub fn get_user() {}

fn main() {}
