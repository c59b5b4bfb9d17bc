//! Inputs and outputs that are not models.

use zato::{Response, Result, model, service};

pub struct NotAModel;

#[model]
pub struct Page<T> {
    pub items: Vec<T>,
}

#[service]
pub async fn input(input: NotAModel) -> Result<()> {
    let _ = input;
    Ok(())
}

#[service]
pub async fn output() -> Result<NotAModel> {
    Ok(NotAModel)
}

#[service]
pub async fn text() -> Result<String> {
    Ok(String::new())
}

#[service]
pub async fn option() -> Result<Option<Page<u32>>> {
    Ok(None)
}

#[service]
pub async fn response() -> Result<Response<NotAModel>> {
    Ok(Response::new(NotAModel))
}

#[service]
pub async fn list(input: Vec<NotAModel>) -> Result<()> {
    let _ = input;
    Ok(())
}

fn main() {}
