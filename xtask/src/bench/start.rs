//! A program of a hundred services: how soon it answers, and how much memory it takes.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    Programs,
    client::Client,
    jobs,
    report::{Figure, Row},
    server::Server,
    speed::{median, under_load},
    tools::Core,
};
use crate::Result;

/// The job's name.
pub(crate) const NAME: &str = "start";

/// What the table says of it.
pub(crate) const ABOUT: &str = "a program of 100 services: from start to first answer, and its memory";

/// How often it is started; the median counts.
const STARTS: u32 = 11;

/// Starts it some times, leaves the last one alone, then puts it under load for a while.
pub(crate) fn measure(programs: &Programs, load: Duration) -> Result<Row> {
    let mut first_answers = Vec::new();
    for _ in 1..STARTS {
        let (server, took) = start(programs)?;
        first_answers.push(took);
        server.stop()?;
    }
    let (server, took) = start(programs)?;
    first_answers.push(took);
    let idle = resident(&server)?;
    let heard = under_load(&server, &jobs::client(), load)?;
    let loaded = resident(&server)?;
    server.stop()?;
    if heard.failed > 0 {
        return Err(format!("{} of {} requests failed", heard.failed, heard.latencies.len()).into());
    }
    let figures = [("first_answer_ms", median(&mut first_answers)), ("idle_mb", idle), ("loaded_mb", loaded)];
    Ok(Row::new(NAME, "zato", figures.map(|(name, value)| Figure::new(name, value))))
}

/// Starts it, and returns how many milliseconds later it had answered.
fn start(programs: &Programs) -> Result<(Server, f64)> {
    let start = Instant::now();
    let server = Server::start(Core::Server.command(programs.command("zato", NAME)))?;
    Client::connect(server.address())?.send(1, &jobs::client())?;
    Ok((server, start.elapsed().as_secs_f64() * 1000.0))
}

/// How much of its memory is in use, in MB of a million bytes.
fn resident(server: &Server) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process()))?;
    kilobytes(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024.0 / 1e6)
}

/// A line of the kernel's such as `VmRSS:      7432 kB`.
pub(crate) fn kilobytes(text: &str, name: &str) -> Result<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    Ok(value.ok_or_else(|| format!("the kernel tells no {name}"))?)
}

#[cfg(test)]
mod tests {
    use super::kilobytes;

    #[test]
    fn the_kernels_lines_are_read() {
        assert_eq!(kilobytes("Name:\thttp\nVmRSS:\t    7432 kB\n", "VmRSS:").unwrap(), 7432.0);
        assert_eq!(kilobytes("", "VmRSS:").unwrap_err().to_string(), "the kernel tells no VmRSS:");
    }
}
