//! A program that a new version of itself takes over, without a caller noticing.
//!
//! ```text
//! cargo run --example take_over
//! curl localhost:17010/api/v1/process     {"process":4711}
//! kill -USR2 4711
//! curl localhost:17010/api/v1/process     {"process":4712}
//! ```
//!
//! The new process gets the listening socket of the old one, which ends when it has answered whoever it has taken in. The
//! first argument is a configuration to use instead of the one beside this file.

use std::{env, process, time::Duration};

use zato::{Result, model, service, services};

/// How long to take.
#[model]
#[derive(Debug)]
pub struct Work {
    /// In milliseconds; at once, if it isn't said.
    pub pause: Option<u64>,
}

/// Who did it.
#[model]
#[derive(Debug)]
pub struct Done {
    /// The number of the process.
    pub process: u32,
}

/// Takes its time, and says which process it is.
#[service(name = "process.work")]
pub async fn work(work: Work) -> Result<Done> {
    if let Some(pause) = work.pause {
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(Done { process: process::id() })
}

#[tokio::main]
async fn main() -> Result<()> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/take_over/zato.yaml");
    let config = env::args().nth(1).unwrap_or_else(|| beside.to_owned());
    zato::app("take_over").services(services![work]).config_file(config).run().await
}
