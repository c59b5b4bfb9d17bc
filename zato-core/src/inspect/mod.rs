//! What an app tells of itself: whether it is ready, its metrics, its configuration, its graph.
//!
//! Who shows that is a channel's business, such as the admin listener of REST channels: it gets an [`Inspect`] with every
//! configuration. What it counts itself goes into the [`metrics`](crate::metrics).

mod phases;
mod readiness;
mod stale;

use serde_json::Value;

pub(crate) use self::{
    phases::{Phases, short},
    readiness::connection,
};
pub use self::{
    readiness::{Phase, Readiness},
    stale::StaleConfig,
};

/// A running app, for whoever shows it to operators.
pub trait Inspect: Send + Sync + 'static {
    /// Tells whether the app can do its work.
    fn readiness(&self) -> Readiness;

    /// Writes every metric, in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// Gives the configuration that is in force, with everything masked that is secret.
    fn config(&self) -> Value;

    /// Gives services, channels and connections, and who uses whom.
    fn graph(&self) -> Value;
}
