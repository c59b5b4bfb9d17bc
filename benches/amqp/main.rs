//! Programs that do the same jobs on a broker, so that what zato costs can be read beside what it stands on.
//!
//! `cargo xtask bench` builds this program and runs `amqp serve PROGRAM JOB URL`, each as a process of its own. It prints
//! `ready`, and for each line `do N` on its standard input `done NANOSECONDS`: how long it took to publish or consume so
//! many messages. At the end of the input it prints `allocations N`, as the servers of `benches/http` do. The program
//! `hand` is not measured: it has the queue emptied, or filled, before another one begins.

mod hand;
mod lapin;
mod order;
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

use self::talk::{Orders, say};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The queue of every job. It is not durable: what is on disk before it is confirmed would be a measurement of the disk.
const QUEUE: &str = "zato.bench";

/// How many messages may be on their way to the broker.
const IN_FLIGHT: usize = 1000;

/// How many messages the broker hands over before the first of them is settled.
const PREFETCH: u16 = 100;

/// What is sent where it does not matter what it is: 1 KB.
static BYTES: [u8; 1024] = [b'x'; 1024];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["serve", program, job, url] => serve(program, job, url),
        // What a plain `cargo bench` passes; the measurement needs a broker, which xtask has.
        ["--bench", ..] => say("run `cargo xtask bench` to measure this"),
        _ => Err("usage: amqp serve zato|lapin|hand JOB URL".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone too.
            let _ = writeln!(io::stderr(), "amqp: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one program on one thread; the library adds one for each connection.
fn serve(program: &str, job: &str, url: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let orders = Orders::listen();
    match program {
        "zato" => runtime.block_on(zato::serve(job, url, orders))?,
        "lapin" => runtime.block_on(lapin::serve(job, url, orders))?,
        "hand" => runtime.block_on(hand::serve(url, orders))?,
        other => return Err(format!("no program named {other:?} (zato, lapin, hand)").into()),
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
