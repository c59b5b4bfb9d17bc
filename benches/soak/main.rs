//! A soak: good callers at half of what the servers can take, while configurations and certificates change and others
//! misbehave.
//!
//! `cargo xtask soak` builds this program and runs `soak run SECONDS RATE`, which starts itself twice as
//! `soak serve FOLDER`: an app that speaks HTTP, and one that speaks HTTPS. It fails if a good request failed, if a change
//! was not taken up, if a misbehaving client was put up with, or if there is more memory, files or tasks at the end than
//! there was. Everything is on loopback; Linux alone has the addresses and the files of the kernel that it uses.

mod bad;
mod certificates;
mod change;
mod configuration;
mod gauges;
mod good;
mod histogram;
mod judge;
mod process;
mod reply;
mod run;
mod server;
mod tally;
mod wire;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use self::run::Plan;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["serve", folder] => server::serve(folder.as_ref()).await,
        ["run", seconds, rate] => match plan(seconds, rate) {
            Ok(plan) => run::run(&plan).await,
            Err(error) => Err(error),
        },
        // What a plain `cargo bench` passes.
        ["--bench", ..] => say("run `cargo xtask soak` to have this done"),
        _ => Err("usage: soak run SECONDS RATE|auto, or soak serve FOLDER".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone too.
            let _ = writeln!(io::stderr(), "soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plan(seconds: &str, rate: &str) -> Result<Plan> {
    let rate = if rate == "auto" { None } else { Some(rate.parse()?) };
    Ok(Plan { length: Duration::from_secs(seconds.parse()?), rate })
}

/// Prints one line and flushes it: who waits for half an hour looks at it now and then.
fn say(line: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
