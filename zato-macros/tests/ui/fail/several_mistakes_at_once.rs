//! Everything wrong in one service is reported in one compilation, and its uses are not.

use zato::loopback::Loopback;
use zato::{Context, model, service, services};

#[model(corce, deny_unknwon)]
pub struct GetUser {
    pub user_name: String,
}

#[service(nmae = "api.user.get-details")]
pub fn get_details(
    ctx: Context,
    input: GetUser,
    second: GetUser,
    #[out] crm: Loopback,
    #[statte] count: u32,
    #[out("a")]
    #[config("b")]
    both: Loopback,
) {
    let _ = (ctx, input, second, crm, count, both);
}

fn main() {
    let _ = services![get_details];
}
