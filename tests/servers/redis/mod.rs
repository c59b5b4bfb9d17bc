//! Redis by what users of zato have, on servers that are stopped, killed, cut, paused, full and replaced.

mod cluster;
mod consumers;
mod ledger;
mod locks;
mod sentinel;
mod streams;
mod supervision;
mod tls;

use std::env;

use zato::{App, Running, connection::State, redis::Redis};

use crate::lent::until;

/// An app as a program has it. With `ZATO_TEST_LOG` it logs.
fn app(name: &str) -> App {
    let app = zato::app(name);
    if env::var_os("ZATO_TEST_LOG").is_some() { app.logging() } else { app }
}

/// A configuration with one connection, `main`; what more is said of it is indented by four.
fn config(more: &str) -> String {
    format!("server: {{bind: '127.0.0.1:0', shutdown_timeout: 2s}}\noutgoing_redis:\n  - name: main\n{more}")
}

/// Starts an app with one connection, and waits until it is up.
async fn started(more: &str) -> (Running, Redis) {
    let app = app("redis").config_yaml(config(more)).start().await.expect("it starts");
    until("the connection", async || state(&app).is_up().then_some(())).await;
    let redis = app.out("main").expect("it is configured");
    (app, redis)
}

/// How the connection stands.
fn state(app: &Running) -> State {
    let found = app.statuses().into_iter().find(|status| status.section == "outgoing_redis");
    State::clone(&found.expect("there is one").state)
}
