//! Names that were not imported.

use zato::{model, service};

#[model]
pub struct GetUser {
    pub user_name: String,
}

#[service]
pub async fn get_details(
    ctx: &Context,
    input: GetUsers,
    #[out("CRM")] crm: Loopback,
    #[config("tutorial")] tutorial: UserConfig,
) -> zato::Result<GetUser> {
    let _ = (ctx, crm, tutorial);
    Ok(input)
}

fn main() {}
