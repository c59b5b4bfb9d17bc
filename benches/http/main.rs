//! Three servers that answer the same request, so that what zato costs can be read beside what it stands on.
//!
//! `cargo xtask bench` builds this program and runs `http serve zato`, `http serve hyper` and `http serve axum`, each on a
//! port of its own choosing. A server prints `listening ADDRESS`, serves until its standard input is closed, then prints
//! `allocations N`: how often the whole process asked for memory. Two runs that differ in the number of requests alone
//! therefore give what one request costs, and everything that happens at start and stop cancels out.

mod alloc;
mod axum;
mod customer;
mod hyper;
mod zato;

use std::{
    env,
    error::Error,
    io::{self, Read as _, Write as _},
    process::ExitCode,
    thread,
};

use tokio::sync::oneshot;

/// Resolves when the client no longer wants the server.
type Stop = oneshot::Receiver<()>;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["serve", server] => serve(server),
        // What a plain `cargo bench` passes; the measurement needs a client and a simulated processor, which xtask has.
        ["--bench", ..] => say("run `cargo xtask bench` to measure this"),
        _ => Err("usage: http serve zato|hyper|axum".into()),
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
fn serve(server: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = stdin_closed();
    match server {
        "zato" => runtime.block_on(zato::serve(stop))?,
        "hyper" => runtime.block_on(hyper::serve(stop))?,
        "axum" => runtime.block_on(axum::serve(stop))?,
        other => return Err(format!("no server named {other:?} (zato, hyper, axum)").into()),
    }
    say(&format!("allocations {}", alloc::allocations()))
}

/// Tells the client where to connect; each server calls it once, when it can be reached.
fn listening(url: &str) -> Result<()> {
    say(&format!("listening {}", url.trim_start_matches("http://")))
}

/// Prints one line and flushes it, since a pipe is not flushed at line ends.
fn say(line: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

/// Waits for the end of standard input on a thread of its own, which ends with the input.
fn stdin_closed() -> Stop {
    let (stopped, stop) = oneshot::channel();
    thread::spawn(move || {
        // An error is an end as well: in both cases there is no client any more.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = stopped.send(());
    });
    stop
}
