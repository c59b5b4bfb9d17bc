//! The systems that the bank calls: two small servers that know nothing of zato.

use axum::{
    Json, Router,
    http::{StatusCode, Uri},
    routing,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

/// Where the systems are reached, for as long as this is there.
pub(crate) struct Partners {
    pub(crate) crm: String,
    pub(crate) payments: String,
    _servers: JoinSet<std::io::Result<()>>,
}

impl Partners {
    /// Starts both on free ports.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let crm = Router::new().route("/get-user", routing::get(get_user));
        let payments = Router::new().route("/balance/get", routing::post(balance));
        let mut servers = JoinSet::new();
        let crm = serve(&mut servers, crm).await?;
        let payments = serve(&mut servers, payments).await?;
        Ok(Self { crm, payments, _servers: servers })
    }
}

async fn serve(servers: &mut JoinSet<std::io::Result<()>>, router: Router) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    servers.spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// The CRM knows one user.
async fn get_user(uri: Uri) -> Result<Json<Value>, StatusCode> {
    match parameter(&uri, "UserName") {
        Some("my.user") => Ok(Json(json!({"UserType": "RGV", "AccountNumber": "123456"}))),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

/// Payments knows one account.
async fn balance(uri: Uri) -> Result<Json<Value>, StatusCode> {
    match parameter(&uri, "ACC_NUM") {
        Some("123456") => Ok(Json(json!({"ACC_BALANCE": "357.9"}))),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}
