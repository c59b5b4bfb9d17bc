//! OpenStack Swift, with its own users and with Keystone's, by what users of zato have.

mod arrivals;
mod faults;
mod listings;
mod logins;
mod peers;
mod premises;
mod transfers;

use std::env;

use zato::{App, Running, connection::State, swift::Swift};

use crate::lent::{self, until};

/// An app as a program has it. With `ZATO_TEST_LOG` it logs.
fn app(name: &str) -> App {
    let app = zato::app(name);
    if env::var_os("ZATO_TEST_LOG").is_some() { app.logging() } else { app }
}

/// A configuration with one connection, `main`; what is said of it is indented by four.
fn config(keys: &str) -> String {
    format!("server: {{bind: '127.0.0.1:0', shutdown_timeout: 2s}}\noutgoing_swift:\n  - name: main\n{keys}")
}

/// What is said of a connection that logs in at a server.
fn login(server: &lent::Swift) -> String {
    format!("    auth_url: '{}'\n    user: '{}'\n    key: '{}'\n", server.auth_url(), server.user(), server.key())
}

/// Starts an app with one connection, and waits until it is up.
async fn started(keys: &str) -> (Running, Swift) {
    let app = app("swift").config_yaml(config(keys)).start().await.expect("it starts");
    until("the connection", async || state(&app).is_up().then_some(())).await;
    let swift = app.out("main").expect("it is configured");
    (app, swift)
}

/// How the connection stands.
fn state(app: &Running) -> State {
    let found = app.statuses().into_iter().find(|status| status.section == "outgoing_swift");
    State::clone(&found.expect("there is one").state)
}

/// Whether the long tests are to be as long as they can be: with `ZATO_TEST_SWIFT_WHOLE=1`.
fn is_whole() -> bool {
    env::var_os("ZATO_TEST_SWIFT_WHOLE").is_some_and(|value| value == "1")
}

/// A number of the connection's that is told with an app's.
fn metric(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{")));
    let number = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {name} in {metrics}"))
}
