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
pub(crate) struct Plan {
    /// Where callgrind's and strace's reports are kept, for whoever asks what was spent on what.
    pub(crate) reports: PathBuf,
    /// By how many units the longer run is longer.
    pub(crate) units: u32,
}

/// A program at a job, which can be run for a while.
pub(crate) trait Subject {
    /// What its reports are called.
    fn name(&self) -> String;

    /// How many units are asked for where so many are wanted: rounded up to what can be asked for, or fewer where one alone
    /// takes long.
    fn units(&self, wanted: u32) -> u32 {
        wanted
    }

    /// Whether each unit calls the kernel so often, and not whichever happen to go together.
    fn has_system_calls(&self) -> bool {
        true
    }

    /// Starts it by the command that is made of its own, has it do so many units, and stops it.
    fn run(&self, units: u32, command: &dyn Fn(Command) -> Command) -> Result<Ended>;
}

/// Counts, for one unit of a job, the instructions that the program's process executes outside the kernel, how often it
/// asks for memory (a block that grows counts again), and how often it calls the kernel.
pub(crate) fn count(plan: &Plan, subject: &impl Subject) -> Result<Vec<Figure>> {
    let (few, more) = (subject.units(WARM_UP), subject.units(plan.units));
    let pair = |count: &dyn Fn(u32, &Path) -> Result<u64>| {
        let once = |name, units| count(units, &plan.reports.join(format!("{}.{name}", subject.name())));
        per_unit(once("few", few)?, once("many", few + more)?, more)
    };
    // Instructions on the simulated processor, the others on the real one.
    let instructions = |units, report: &Path| {
        let report = report.with_added_extension("callgrind");
        subject.run(units, &|plain| valgrind::command(&report, &plain))?;
        valgrind::instructions(&fs::read_to_string(&report)?)
    };
    let allocations = |units, _: &Path| Ok(subject.run(units, &|plain| plain)?.allocations);
    let system_calls = |units, report: &Path| {
        let report = report.with_added_extension("strace");
        subject.run(units, &|plain| strace::command(&report, &plain))?;
        strace::calls(&fs::read_to_string(&report)?)
    };
    let mut figures =
        vec![Figure::new("instructions", pair(&instructions)?), Figure::new("allocations", pair(&allocations)?)];
    if subject.has_system_calls() {
        figures.push(Figure::new("system_calls", pair(&system_calls)?));
    }
    Ok(figures)
}

/// A server that is sent requests.
pub(crate) struct Served<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) job: &'a Job,
    pub(crate) server: &'static str,
}

impl Subject for Served<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.job.name, self.server)
    }

    fn units(&self, wanted: u32) -> u32 {
        self.job.units(wanted)
    }

    fn run(&self, units: u32, command: &dyn Fn(Command) -> Command) -> Result<Ended> {
        let (plain, _partner) = self.programs.with_partner(self.server, self.job)?;
        let server = Server::start(command(plain))?;
        let mut client = Client::connect(server.address())?;
        let (requests, asked) = self.job.requests(units);
        client.send(requests, &asked)?;
        drop(client);
        server.stop()
    }
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
