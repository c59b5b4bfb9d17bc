//! What happens between bytes and bytes in zato.
//!
//! A message comes in through a [`channel`], goes through the [`router`] and its [`layer`]s to a [`service`], which
//! takes a [`model`] and may call out over a [`connection`]; the reply goes the same way back. This crate knows no
//! protocol and no driver: those are the connector crates. Programs depend on the `zato` crate, which brings all
//! together.
//!
//! In the order in which a message meets them, and in which each names only those before it, the modules are [`error`],
//! [`message`], [`ambient`], [`config`], [`rate`], [`metrics`], [`resilience`], [`model`], [`mod@format`], [`security`],
//! [`lock`], [`connection`], `cache`, [`inspect`], [`channel`], [`layer`], [`service`], [`router`], [`app`] and `testing`,
//! of which the last two name all.

pub mod ambient;
pub mod app;
#[cfg(feature = "cache")]
pub mod cache;
pub mod channel;
pub mod config;
pub mod connection;
pub mod error;
pub mod format;
pub mod inspect;
pub mod layer;
pub mod lock;
pub mod message;
pub mod metrics;
pub mod model;
pub mod rate;
pub mod resilience;
pub mod router;
pub mod security;
pub mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use bytes;
pub use chrono;
pub use futures_core;
pub use http;
pub use serde_json::Value;
pub use tower;
pub use tracing;
pub use uuid;

pub use error::{BoxError, Error, Fault, Kind, Result, Retry};

/// What the macros' output names; not for anybody else.
#[doc(hidden)]
pub mod __private {
    pub use schemars;
    pub use serde;

    pub use crate::{
        model::{Described, Hinted, ObjectOnly, OfMap, buffered, buffered_option, constraints},
        service::{Outcome, default_name},
    };
}
