//! Metrics: how they are counted, and how they are written for Prometheus.
//!
//! Whoever counts something, a channel or a connector, adds it to an [`Exposition`] when it is asked to.

mod exposition;
mod histogram;

pub(crate) use self::histogram::micros;
pub use self::{
    exposition::{Exposition, Family, FamilyKind, Labels, Number},
    histogram::{Distribution, Histogram, SECONDS},
};
