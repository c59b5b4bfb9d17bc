//! Requests per second and latencies, in rounds that go from server to server.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    Programs,
    jobs::{Asked, Job},
    load::{Heard, load},
    report::{Figure, Row},
    server::Server,
    tools::Core,
};
use crate::Result;

/// How long a server is under load before a round counts.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) number: u32,
    pub(crate) length: Duration,
}

/// Measures the servers in turn, again and again: what disturbs the machine for a while disturbs all of them.
pub(crate) fn measure(programs: &Programs, job: &Job, servers: &[&'static str], rounds: Rounds) -> Result<Vec<Row>> {
    let (mut running, mut partners) = (Vec::new(), Vec::new());
    for name in servers {
        let (command, partner) = programs.with_partner(name, job)?;
        partners.push(partner);
        running.push((*name, Server::start(Core::Server.command(command))?, Vec::new(), Heard::default()));
    }
    let (_, asked) = job.requests(1);
    for _ in 0..rounds.number {
        for (_, server, speeds, all) in &mut running {
            drop(under_load(server, &asked, WARM_UP)?);
            let heard = under_load(server, &asked, rounds.length)?;
            speeds.push(per_second(&heard));
            all.add(heard);
        }
    }
    let mut rows = Vec::new();
    for (name, server, mut speeds, mut heard) in running {
        server.stop()?;
        if heard.failed > 0 {
            return Err(format!("{name}: {} of {} requests failed", heard.failed, heard.latencies.len()).into());
        }
        let [p50, p90, p99, p999, worst] = heard.percentiles([500, 900, 990, 999, 1000]);
        let figures = [
            ("requests_per_second", median(&mut speeds)),
            ("p50_us", p50),
            ("p90_us", p90),
            ("p99_us", p99),
            ("p999_us", p999),
            ("worst_us", worst),
            ("client_busy", heard.busy),
        ];
        rows.push(Row::new(job.name, name, figures.map(|(name, value)| Figure::new(name, value))));
    }
    Ok(rows)
}

/// Puts a server under load for a while, from a thread of its own.
pub(crate) fn under_load(server: &Server, asked: &Asked, length: Duration) -> Result<Heard> {
    let (address, start) = (server.address(), Instant::now());
    thread::scope(|scope| scope.spawn(|| load(address, asked, || start.elapsed() >= length)).join())
        .map_err(|_| "the load's thread panicked")?
}

fn per_second(heard: &Heard) -> f64 {
    // Nobody answers 2^32 requests in a round.
    f64::from(u32::try_from(heard.latencies.len()).unwrap_or(u32::MAX)) / heard.took.as_secs_f64()
}

/// The middle of a series; of an even number the upper one, 0 of none.
pub(crate) fn median(series: &mut [f64]) -> f64 {
    series.sort_by(f64::total_cmp);
    series.get(series.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!([median(&mut [3.0, 1.0, 2.0]), median(&mut [2.0, 1.0]), median(&mut [])], [2.0, 2.0, 0.0]);
    }
}
