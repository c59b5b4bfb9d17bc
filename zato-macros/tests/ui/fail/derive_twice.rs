//! Derives that `#[model]` brings itself.

use zato::model;

#[model]
#[derive(Debug, Serialize, Clone)]
#[derive(serde::Deserialize, JsonSchema)]
pub struct GetUser {
    pub user_name: String,
}

fn main() {
    let _ = GetUser { user_name: String::new() }.clone();
}
