//! An input of another type than the invoked service takes.

use zato::{Context, Result, model, service};

#[model]
pub struct GetUser {
    pub user_name: String,
}

#[service]
pub async fn get_details(input: GetUser) -> Result<GetUser> {
    Ok(input)
}

#[service]
pub async fn ping(ctx: &Context) -> Result<()> {
    ctx.invoke::<get_details>("john").await?;
    Ok(())
}

fn main() {}
