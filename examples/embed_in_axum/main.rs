//! An app in an axum `Router`: axum owns the listener and the other routes, the app answers under `/bank`.
//!
//! ```text
//! cargo run --example embed_in_axum
//! curl localhost:17010/health
//! curl localhost:17010/bank/api/v1/balance/7
//! ```
//!
//! The first curl is answered by axum with `ok`, the second by the service: `{"account":7,"balance":"1250.30"}`.
//! Change `zato.yaml` while the program runs and the app follows, as it does on its own.

use std::env;

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use zato::{
    Decimal, Error, Result, model,
    rest::{RestChannels, http_service},
    service, services, told_to_stop,
    tracing::info,
};

/// Which account to look at.
#[model]
#[derive(Debug)]
pub struct GetBalance {
    /// The account's number.
    pub account: u64,
}

/// What an account holds.
#[model]
#[derive(Debug)]
pub struct Balance {
    /// The account's number.
    pub account: u64,
    /// How much is on it.
    pub balance: Decimal,
}

/// Returns what an account holds.
#[service(name = "account.balance")]
pub async fn balance(input: GetBalance) -> Result<Balance> {
    if input.account == 0 {
        return Err(Error::not_found("there is no account 0"));
    }
    Ok(Balance { account: input.account, balance: "1250.30".parse()? })
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/embed_in_axum/zato.yaml");
    let app = zato::app("embed_in_axum")
        // No listener of its own: requests come through axum.
        .channel(RestChannels::nested())
        .services(services![balance])
        .config_file(config)
        .logging()
        .start()
        .await?;

    let router = Router::new().route("/health", get(|| async { "ok" })).nest_service("/bank", http_service(&app));
    let bind = env::var("ZATO_BIND").unwrap_or_else(|_| "127.0.0.1:17010".to_owned());
    let listener = TcpListener::bind(bind).await?;
    info!(app = "embed_in_axum", address = format!("http://{}", listener.local_addr()?), "listening");

    // First axum lets what it has begun finish, then the app closes what it has open.
    axum::serve(listener, router).with_graceful_shutdown(told_to_stop()).await?;
    app.stop().await;
    Ok(())
}
