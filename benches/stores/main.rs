//! Programs that do the same jobs on object storage, so that what zato costs can be read beside what others make of the same
//! server.
//!
//! `cargo xtask bench` builds this program and runs `stores serve PROGRAM JOB` with an account, each as a process of its own.
//! It prints `ready`, and for each line `do N` on its standard input `done NANOSECONDS`: how long it took to store or read so
//! many objects, or megabytes of large ones. At the end of the input it prints `allocations N`, as the servers of
//! `benches/http` do. `stores prepare JOB` makes the container, with what is read in it, and `stores remove` deletes it with
//! all that is in it. `peer.py` does the jobs with python-swiftclient, and talks as the programs here do.

mod account;
mod objects;
mod opendal;
mod zato;

#[path = "../http/alloc.rs"]
mod alloc;
#[path = "../http/talk.rs"]
#[expect(dead_code, reason = "servers tell where they listen, and nobody connects to these")]
mod talk;
#[path = "../databases/tasks.rs"]
mod tasks;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

use self::{
    account::Account,
    objects::Job,
    talk::{Orders, say},
};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "usage: stores serve zato|opendal JOB, prepare JOB, or remove; with AUTH_URL USER KEY CONTAINER";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        // What a plain `cargo bench` passes; the measurement needs a server, which xtask has.
        ["--bench", ..] => say("run `cargo xtask bench` to measure this"),
        [order @ .., auth_url, user, key, container] => obey_once(order, &Account { auth_url, user, key, container }),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone too.
            let _ = writeln!(io::stderr(), "stores: {error}");
            ExitCode::FAILURE
        }
    }
}

fn obey_once(order: &[&str], account: &Account<'_>) -> Result<()> {
    // Where another part of the build has it speak TLS, reqwest looks for a provider of cryptography.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    match order {
        ["serve", program, job] => serve(program, Job::of(job)?, account),
        ["prepare", job] => runtime()?.block_on(account.prepare(Job::of(job)?)),
        ["remove"] => runtime()?.block_on(account.remove()),
        _ => Err(USAGE.into()),
    }
}

/// One thread; zato works out the checksums of large objects on another.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn serve(program: &str, job: Job, account: &Account<'_>) -> Result<()> {
    let (runtime, orders) = (runtime()?, Orders::listen());
    match program {
        "zato" => runtime.block_on(zato::serve(job, account, orders))?,
        "opendal" => runtime.block_on(opendal::serve(job, account, orders))?,
        other => return Err(format!("no program named {other:?} (zato, opendal)").into()),
    }
    say(&format!("allocations {}", alloc::allocations()))
}

/// Does as it is told until nothing more is wanted.
async fn obey(orders: &mut Orders, mut work: impl AsyncFnMut(u32) -> Result<Duration>) -> Result<()> {
    say("ready")?;
    while let Some(order) = orders.next().await {
        let count = order.strip_prefix("do ").and_then(|count| count.parse().ok());
        let count = count.ok_or_else(|| format!("{order:?} is nothing that can be done (do N)"))?;
        say(&format!("done {}", work(count).await?.as_nanos()))?;
    }
    Ok(())
}
