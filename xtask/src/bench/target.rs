//! What zato aims at. A missed target is told, not punished: some figures depend on compiler, C library and processor,
//! and whoever reads them has to judge.

use std::fmt;

use super::report::Report;

/// A bound for a figure, or for the ratio of two.
pub(crate) struct Target {
    job: &'static str,
    server: &'static str,
    figure: &'static str,
    /// Job and server whose same figure is the divisor.
    to: Option<(&'static str, &'static str)>,
    bound: Bound,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A target for zato's own figure.
const fn own(job: &'static str, figure: &'static str, at_most: f64) -> Target {
    Target { job, server: "zato", figure, to: None, bound: Bound::AtMost(at_most) }
}

/// A target for zato's figure, measured by that of a server at a job.
const fn ratio(job: &'static str, figure: &'static str, to: (&'static str, &'static str), bound: Bound) -> Target {
    Target { job, server: "zato", figure, to: Some(to), bound }
}

/// In the order of the jobs.
pub(crate) const TARGETS: [Target; 35] = [
    ratio("client", "instructions", ("client", "hyper"), Bound::AtMost(1.20)),
    own("client", "allocations", 16.0),
    ratio("client", "requests_per_second", ("client", "hyper"), Bound::AtLeast(0.92)),
    ratio("client", "requests_per_second", ("client", "axum"), Bound::AtLeast(1.0)),
    ratio("client", "requests_per_second", ("client", "actix"), Bound::AtLeast(1.0)),
    ratio("json", "instructions", ("json", "hyper"), Bound::AtMost(1.05)),
    ratio("json", "requests_per_second", ("json", "axum"), Bound::AtLeast(1.0)),
    ratio("json", "requests_per_second", ("json", "actix"), Bound::AtLeast(1.0)),
    ratio("call", "instructions", ("call", "hyper"), Bound::AtMost(1.15)),
    ratio("query", "instructions", ("client", "zato"), Bound::AtMost(1.3)),
    ratio("routes", "instructions", ("client", "zato"), Bound::AtMost(1.03)),
    own("invoke", "instructions", 2000.0),
    own("invoke", "allocations", 4.0),
    own("invoke-1000", "instructions", 2000.0),
    own("invoke-1000", "allocations", 4.0),
    ratio("publish", "messages_per_second", ("publish", "lapin"), Bound::AtLeast(0.9)),
    ratio("publish-one", "messages_per_second", ("publish-one", "lapin"), Bound::AtLeast(0.9)),
    ratio("consume", "messages_per_second", ("consume", "lapin"), Bound::AtLeast(0.9)),
    ratio("service", "messages_per_second", ("service", "lapin"), Bound::AtLeast(0.8)),
    ratio("redis-get", "commands_per_second", ("redis-get", "redis-rs"), Bound::AtLeast(0.95)),
    ratio("redis-set", "commands_per_second", ("redis-set", "redis-rs"), Bound::AtLeast(0.95)),
    ratio("sql-one-sqlite", "rows_per_second", ("sql-one-sqlite", "sqlx"), Bound::AtLeast(0.95)),
    ratio("sql-one-postgres", "rows_per_second", ("sql-one-postgres", "sqlx"), Bound::AtLeast(0.95)),
    ratio("sql-stream-sqlite", "rows_per_second", ("sql-stream-sqlite", "sqlx"), Bound::AtLeast(0.95)),
    ratio("sql-stream-postgres", "rows_per_second", ("sql-stream-postgres", "sqlx"), Bound::AtLeast(0.95)),
    ratio("swift-put-1k", "objects_per_second", ("swift-put-1k", "opendal"), Bound::AtLeast(0.95)),
    ratio("swift-get-1k", "objects_per_second", ("swift-get-1k", "opendal"), Bound::AtLeast(0.95)),
    ratio("swift-put-100m", "megabytes_per_second", ("swift-put-100m", "opendal"), Bound::AtLeast(0.95)),
    ratio("swift-get-100m", "megabytes_per_second", ("swift-get-100m", "opendal"), Bound::AtLeast(0.95)),
    own("reload", "failed", 0.0),
    own("reload", "worst_us", 50_000.0),
    own("start", "first_answer_ms", 50.0),
    own("start", "idle_mb", 15.0),
    Target { job: "build", server: "zato-rest", figure: "crates", to: None, bound: Bound::AtMost(110.0) },
    ratio("build", "build_s", ("build", "axum"), Bound::AtMost(1.5)),
];

impl Target {
    /// What there is to compare with the bound; `None` if it was not measured.
    pub(crate) fn value(&self, report: &Report) -> Option<f64> {
        let value = report.find(self.job, self.server, self.figure)?;
        match self.to {
            Some((job, server)) => Some(value / report.find(job, server, self.figure)?),
            None => Some(value),
        }
    }

    /// One instruction in a thousand requests is no miss.
    pub(crate) fn is_met(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtMost(most) => value < most + 0.005,
            Bound::AtLeast(least) => value > least - 0.005,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, server, figure, .. } = self;
        match self.to {
            Some((other, to)) if other == *job => write!(f, "{job}: {figure}, {server} to {to}")?,
            Some((other, _)) => write!(f, "{job}: {figure} of {server}, to those of {other}")?,
            None => write!(f, "{job}: {figure} of {server}")?,
        }
        match self.bound {
            Bound::AtMost(most) => write!(f, ": at most {most}"),
            Bound::AtLeast(least) => write!(f, ": at least {least}"),
        }
    }
}
