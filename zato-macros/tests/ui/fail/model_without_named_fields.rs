//! Structs and enums without names or values.

use zato::model;

#[model]
pub struct Pair(pub u32, pub u32);

#[model]
pub struct Nothing;

#[model]
pub enum Never {}

fn main() {}
