//! Brokers of RabbitMQ for tests: one that is shared, of which each test has a virtual host, and ones that a test has
//! for itself, to break them.
//!
//! The folder names nothing outside itself, so that tests of other packages can include it by its path. It wants
//! `base64`, `http-body-util`, `hyper` with `client`, `hyper-util`, `serde_json` and `tokio`.

mod broker;
mod management;
#[expect(dead_code, reason = "`cargo xtask` does more with a broker than tests do, and the other way round")]
mod node;

use std::time::{Duration, Instant};

pub(crate) use self::{
    broker::Broker,
    management::{Connection, Management, Queue},
};

/// How long something may take to come about, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = attempt().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s in vain: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
