//! Counts the requests of each service, and how long they take.

mod future;
mod latency;
mod layer;
mod recorder;
mod service;
mod slow;

pub use self::{
    future::StatisticsFuture,
    layer::StatisticsLayer,
    recorder::{Recorder, ServiceStatistics},
    service::Statistics,
};
