//! Programs that do the same jobs on Redis and on databases, so that what zato costs can be read beside what it stands on.
//!
//! `cargo xtask bench` builds this program and runs `databases serve PROGRAM JOB URL`, each as a process of its own. It
//! prints `ready`, and for each line `do N` on its standard input `done NANOSECONDS`: how long it took to do so much. At
//! the end of the input it prints `allocations N`, as the servers of `benches/http` do. `databases prepare JOB URL` puts
//! what is read there first.

mod cached;
mod deadpool;
mod redis_rs;
mod row;
mod sqlx;
mod table;
mod tasks;
mod zato;

#[path = "../http/alloc.rs"]
mod alloc;
#[path = "../http/talk.rs"]
#[expect(dead_code, reason = "servers tell where they listen, and nobody connects to these")]
mod talk;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

use self::talk::{Orders, say};

/// How many tasks work at once.
const TASKS: u32 = 64;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["serve", program, job, url] => serve(program, job, url),
        ["prepare", job, url] => prepare(job, url),
        // What a plain `cargo bench` passes; the measurement needs servers, which xtask has.
        ["--bench", ..] => say("run `cargo xtask bench` to measure this"),
        _ => Err("usage: databases serve zato|redis-rs|deadpool-redis|sqlx JOB URL, or prepare JOB URL".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone too.
            let _ = writeln!(io::stderr(), "databases: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread; SQLite's connections have one each beside it.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn serve(program: &str, job: &str, url: &str) -> Result<()> {
    let (runtime, orders) = (runtime()?, Orders::listen());
    match program {
        "zato" => runtime.block_on(zato::serve(job, url, orders))?,
        "redis-rs" => runtime.block_on(redis_rs::serve(job, url, orders))?,
        "deadpool-redis" => runtime.block_on(deadpool::serve(job, url, orders))?,
        "sqlx" => runtime.block_on(sqlx::serve(job, url, orders))?,
        other => return Err(format!("no program named {other:?} (zato, redis-rs, deadpool-redis, sqlx)").into()),
    }
    say(&format!("allocations {}", alloc::allocations()))
}

fn prepare(job: &str, url: &str) -> Result<()> {
    let runtime = runtime()?;
    if job.starts_with("redis") {
        runtime.block_on(cached::prepare(url))
    } else {
        runtime.block_on(table::prepare(url))
    }
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
