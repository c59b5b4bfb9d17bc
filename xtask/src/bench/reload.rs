//! A configuration of 500 channels, changed again and again under load.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use super::{
    Programs, jobs,
    load::load,
    report::{Figure, Row},
    server::Server,
    speed::median,
    tools::Core,
};
use crate::Result;

/// The job's name.
pub(crate) const NAME: &str = "reload";

/// What the table says of it.
pub(crate) const ABOUT: &str = "a configuration of 500 channels, changed again and again under load";

/// Applies so many configurations, one after the other, and returns what the callers noticed.
pub(crate) fn measure(programs: &Programs, times: u32) -> Result<Row> {
    let mut server = Server::start(Core::Server.command(programs.command("zato", NAME)))?;
    let (address, is_over) = (server.address(), AtomicBool::new(false));
    let (applied, heard) = thread::scope(|scope| {
        let callers = scope.spawn(|| load(address, &jobs::client(), || is_over.load(Ordering::Relaxed)));
        let applied = apply(&mut server, times);
        is_over.store(true, Ordering::Relaxed);
        (applied, callers.join())
    });
    let (mut applied, mut heard) = (applied?, heard.map_err(|_| "the load's thread panicked")??);
    server.stop()?;
    let [p50, p99, worst] = heard.percentiles([500, 990, 1000]);
    let figures = [
        ("reloads", f64::from(times)),
        ("failed", f64::from(heard.failed)),
        ("p50_us", p50),
        ("p99_us", p99),
        ("worst_us", worst),
        ("reload_ms", median(&mut applied)),
    ];
    Ok(Row::new(NAME, "zato", figures.map(|(name, value)| Figure::new(name, value))))
}

/// How long each took, in milliseconds.
fn apply(server: &mut Server, times: u32) -> Result<Vec<f64>> {
    let once = |_| {
        let start = Instant::now();
        server.order("reload", "applied ")?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    };
    (0..times).map(once).collect()
}
