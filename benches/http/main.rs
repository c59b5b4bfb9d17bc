//! Servers that do the same jobs, so that what zato costs can be read beside what it stands on.
//!
//! `cargo xtask bench` builds this program and runs `http serve SERVER JOB`, each on a port of its own choosing. A server
//! prints `listening ADDRESS`, serves until its standard input is closed, then prints `allocations N`: how often the
//! whole process asked for memory. Two runs that differ in the number of requests alone therefore give what one request
//! costs, and everything that happens at start and stop cancels out.
//!
//! actix-web answers the same way from `benches/peers`, a workspace of its own: nothing else here needs it.

mod alloc;
mod axum;
mod call;
mod customer;
mod formats;
mod hundred;
mod hyper;
mod order;
mod talk;
mod zato;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use self::talk::{Orders, say};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["serve", server, job] => serve(server, job, None),
        ["serve", server, job, partner] => serve(server, job, Some(partner)),
        // What a plain `cargo bench` passes; the measurement needs a client and a simulated processor, which xtask has.
        ["--bench", ..] => say("run `cargo xtask bench` to measure this"),
        _ => Err("usage: http serve zato|hyper|axum JOB [PARTNER]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone too.
            let _ = writeln!(io::stderr(), "http: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one server on one thread: with several, the number of instructions depends on who wins a race.
fn serve(server: &str, job: &str, partner: Option<&str>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let orders = Orders::listen();
    match server {
        "zato" => runtime.block_on(zato::serve(job, partner, orders))?,
        // Written by hand, and small enough to hold all jobs at once.
        "hyper" => runtime.block_on(hyper::serve(partner, orders))?,
        "axum" => runtime.block_on(axum::serve(orders))?,
        other => return Err(format!("no server named {other:?} (zato, hyper, axum)").into()),
    }
    say(&format!("allocations {}", alloc::allocations()))
}
