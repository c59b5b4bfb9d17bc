//! AMQP against RabbitMQ, by what users of zato have: definitions, outgoing connections and channels.

mod flood;
mod ledger;
mod peers;
mod publishing;
mod requests;
mod supervision;

use std::{
    env,
    time::{Duration, Instant},
};

use zato::{
    App, Running,
    connection::{ConnectionStatus, State},
};

use crate::rabbitmq::until;

/// Within what everything has to be back once its broker is.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// How much longer that may take on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(20);

/// An app as a program has it, on a free port of the loopback address. With `ZATO_TEST_LOG` it logs.
fn app(name: &str) -> App {
    let app = zato::app(name);
    if env::var_os("ZATO_TEST_LOG").is_some() { app.logging() } else { app }
}

/// A configuration with one definition, `main`; what more is said of it is indented by four.
fn config(url: &str, definition: &str, more: &str) -> String {
    format!(
        "server: {{bind: '127.0.0.1:0', shutdown_timeout: 5s}}\n\
         definition_amqp:\n  - name: main\n    address: {url}\n{definition}{more}"
    )
}

/// How one thing of a configuration stands.
fn status(app: &Running, section: &str, name: &str) -> ConnectionStatus {
    let found = app.statuses().into_iter().find(|status| status.section == section && status.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {section}"))
}

/// Why something is down, if it is.
fn told(state: &State) -> Option<String> {
    match state {
        State::Down { error, .. } => Some(error.clone()),
        _ => None,
    }
}

/// Waits until everything of an app is up, and returns how long that has taken.
async fn all_up(app: &Running) -> Duration {
    let begun = Instant::now();
    let are_up = async || app.statuses().iter().all(|status| status.state.is_up()).then_some(());
    until("everything up", are_up).await;
    begun.elapsed()
}
