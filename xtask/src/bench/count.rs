//! Runs of a server in pairs, and what their differences say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Programs,
    client::Client,
    jobs::Job,
    report::Figure,
    server::{Ended, Server},
    strace, valgrind,
};
use crate::Result;

/// Units of the shorter run. The first ones find caches empty and grow buffers, the others are there because the number
/// of such first times is not known.
const WARM_UP: u32 = 500;

/// What all counts have in common.
pub(crate) struct Plan<'a> {
    pub(crate) programs: &'a Programs,
    /// Where callgrind's and strace's reports are kept, for whoever asks what was spent on what.
    pub(crate) reports: PathBuf,
    /// By how many units the longer run is longer.
    pub(crate) units: u32,
}

/// Counts, for one unit of a job, the instructions that the server's process executes outside the kernel, how often it
/// asks for memory (a block that grows counts again), and how often it calls the kernel.
pub(crate) fn count(plan: &Plan<'_>, job: &Job, server: &str) -> Result<Vec<Figure>> {
    let (few, more) = (job.units(WARM_UP), job.units(plan.units));
    let pair = |run: fn(&Run<'_>) -> Result<u64>| {
        let once = |name, units| {
            let report = plan.reports.join(format!("{}.{server}.{name}", job.name));
            let (command, _partner) = plan.programs.with_partner(server, job)?;
            run(&Run { job, command, units, report: &report })
        };
        per_unit(once("few", few)?, once("many", few + more)?, more)
    };
    Ok(vec![
        Figure::new("instructions", pair(instructions)?),
        Figure::new("allocations", pair(allocations)?),
        Figure::new("system_calls", pair(system_calls)?),
    ])
}

/// One run of a server.
struct Run<'a> {
    job: &'a Job,
    command: Command,
    units: u32,
    report: &'a Path,
}

/// On the real processor.
fn allocations(run: &Run<'_>) -> Result<u64> {
    let mut command = Command::new(run.command.get_program());
    command.args(run.command.get_args());
    Ok(converse(run, command)?.allocations)
}

/// On the simulated processor.
fn instructions(run: &Run<'_>) -> Result<u64> {
    let report = run.report.with_added_extension("callgrind");
    converse(run, valgrind::command(&report, &run.command))?;
    valgrind::instructions(&fs::read_to_string(&report)?)
}

fn system_calls(run: &Run<'_>) -> Result<u64> {
    let report = run.report.with_added_extension("strace");
    converse(run, strace::command(&report, &run.command))?;
    strace::calls(&fs::read_to_string(&report)?)
}

fn converse(run: &Run<'_>, command: Command) -> Result<Ended> {
    let server = Server::start(command)?;
    let mut client = Client::connect(server.address())?;
    let (requests, asked) = run.job.requests(run.units);
    client.send(requests, &asked)?;
    drop(client);
    server.stop()
}

fn per_unit(few: u64, many: u64, units: u32) -> Result<f64> {
    // What no request asks for, such as a system call of an invocation in process, comes out a little more or less often
    // all the same: the runtime's threads start and stop as they like.
    let is_noise = few.saturating_sub(many) <= u64::from(units) / 100;
    let Some(difference) = many.checked_sub(few).or(is_noise.then_some(0)) else {
        return Err(format!("{units} more requests cost less: {many} instead of {few}").into());
    };
    // Runs of this length stay far below 2^32 for allocations, not for instructions.
    let whole = u32::try_from(difference / u64::from(units)).map_err(|_| "a request costs more than 2^32")?;
    let rest = u32::try_from(difference % u64::from(units)).expect("a remainder is smaller than its divisor");
    Ok(f64::from(whole) + f64::from(rest) / f64::from(units))
}

#[cfg(test)]
mod tests {
    use super::per_unit;

    #[test]
    fn what_happens_once_cancels_out() {
        assert!((per_unit(7_722_037, 36_859_044, 2000).unwrap() - 14_568.503_5).abs() < 1e-9);
        assert!((per_unit(5606, 27_608, 2000).unwrap() - 11.001).abs() < 1e-9);
        assert_eq!(per_unit(324, 321, 2000).unwrap().to_bits(), 0.0_f64.to_bits());
        let error = per_unit(5, 4, 10).unwrap_err().to_string();
        assert_eq!(error, "10 more requests cost less: 4 instead of 5");
    }
}
