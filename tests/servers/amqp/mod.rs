//! AMQP against RabbitMQ, by what users of zato have: definitions, outgoing connections and channels.

mod ledger;
mod process;

use std::time::{Duration, Instant};

use zato::{App, Running};

use crate::rabbitmq::until;

/// Within what everything has to be back once its broker is.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// How much longer that may take on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(20);

/// An app as a program has it, on a free port of the loopback address.
fn app(name: &str) -> App {
    zato::app(name)
}

/// A configuration with one definition, `main`; what more is said of it is indented by four.
fn config(url: &str, definition: &str, more: &str) -> String {
    format!(
        "server: {{bind: '127.0.0.1:0', shutdown_timeout: 5s}}\n\
         definition_amqp:\n  - name: main\n    address: {url}\n{definition}{more}"
    )
}

/// Waits until everything of an app is up, and returns how long that has taken.
async fn all_up(app: &Running) -> Duration {
    let begun = Instant::now();
    let are_up = async || app.statuses().iter().all(|status| status.state.is_up()).then_some(());
    until("everything up", are_up).await;
    begun.elapsed()
}
