//! The app: what a program is made of, how it starts, takes a new configuration and stops.

mod apply;
mod builder;
mod definitions;
mod engine;
mod entries;
mod generation;
mod inspect;
mod logging;
mod plan;
mod running;
mod schema;
mod sections;
mod signals;
mod slow;
mod supervisor;
#[cfg(unix)]
mod takeover;
mod user;

pub use self::{
    builder::{App, ServiceCall},
    plan::{Change, ChangeKind},
    running::{Applied, Running},
    signals::told_to_stop,
};
