//! A model that borrows.

use zato::model;

#[model]
pub struct GetUser<'a> {
    pub user_name: &'a str,
}

fn main() {}
