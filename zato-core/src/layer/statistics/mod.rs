//! Counts the requests of each service, and how long they take.

mod future;
mod layer;
mod recorder;
mod service;

pub use self::{
    future::StatisticsFuture,
    layer::StatisticsLayer,
    recorder::{Recorder, ServiceStatistics},
    service::Statistics,
};
