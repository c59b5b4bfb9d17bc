//! Four runs of a server, and what their differences say.

use std::{fs, path::PathBuf, time::Duration};

use super::{
    client::Client,
    server::{self, Ended, Server},
    valgrind,
};
use crate::Result;

/// Requests of the shorter run. The first ones find caches empty and grow buffers, the others are there because the
/// number of such first times is not known.
const WARM_UP: u32 = 500;

/// What all servers have in common.
pub(crate) struct Plan {
    /// The program that holds the servers.
    pub(crate) program: PathBuf,
    /// Where callgrind's reports are kept, for whoever asks what the instructions were spent on.
    pub(crate) reports: PathBuf,
    /// By how many requests the longer run is longer.
    pub(crate) requests: u32,
}

/// What one request to a server costs.
pub(crate) struct Measured {
    pub(crate) server: &'static str,
    /// Executed by the server's process outside the kernel.
    pub(crate) instructions: f64,
    /// A block that grows counts again.
    pub(crate) allocations: f64,
    /// By the clock, one request after the other: the time of the loopback and of the client is in it.
    pub(crate) per_second: f64,
}

/// Runs the server twice for each of the two counts, with few requests and with many.
pub(crate) fn measure(plan: &Plan, server: &'static str) -> Result<Measured> {
    let few = allocations(plan, server, WARM_UP)?;
    let many = allocations(plan, server, WARM_UP + plan.requests)?;
    let few_instructions = instructions(plan, server, "few", WARM_UP)?;
    let many_instructions = instructions(plan, server, "many", WARM_UP + plan.requests)?;
    Ok(Measured {
        server,
        instructions: per_request(few_instructions, many_instructions, plan.requests)?,
        allocations: per_request(few.0, many.0, plan.requests)?,
        per_second: f64::from(WARM_UP + plan.requests) / many.1.as_secs_f64(),
    })
}

/// Counts the allocations of the whole run, and takes its time, on the real processor.
fn allocations(plan: &Plan, name: &str, requests: u32) -> Result<(u64, Duration)> {
    let server = Server::start(server::command(&plan.program, name))?;
    let (ended, took) = converse(server, requests)?;
    Ok((ended.allocations, took))
}

/// Counts the instructions of the whole run on the simulated processor.
fn instructions(plan: &Plan, name: &str, run: &str, requests: u32) -> Result<u64> {
    let report = plan.reports.join(format!("{name}.{run}.out"));
    let server = Server::start(valgrind::command(&report, &server::command(&plan.program, name)))?;
    converse(server, requests)?;
    valgrind::instructions(&fs::read_to_string(&report)?)
}

fn converse(server: Server, requests: u32) -> Result<(Ended, Duration)> {
    let mut client = Client::connect(server.address())?;
    let took = client.send(requests)?;
    drop(client);
    Ok((server.stop()?, took))
}

fn per_request(few: u64, many: u64, requests: u32) -> Result<f64> {
    let Some(difference) = many.checked_sub(few) else {
        return Err(format!("{requests} more requests cost less: {many} instead of {few}").into());
    };
    // Runs of this length stay far below 2^32 for allocations, not for instructions.
    let whole = u32::try_from(difference / u64::from(requests)).map_err(|_| "a request costs more than 2^32")?;
    let rest = u32::try_from(difference % u64::from(requests)).expect("a remainder is smaller than its divisor");
    Ok(f64::from(whole) + f64::from(rest) / f64::from(requests))
}

#[cfg(test)]
mod tests {
    use super::per_request;

    #[test]
    fn what_happens_once_cancels_out() {
        assert!((per_request(7_722_037, 36_859_044, 2000).unwrap() - 14_568.503_5).abs() < 1e-9);
        assert!((per_request(5606, 27_608, 2000).unwrap() - 11.001).abs() < 1e-9);
        let error = per_request(5, 4, 10).unwrap_err().to_string();
        assert_eq!(error, "10 more requests cost less: 4 instead of 5");
    }
}
