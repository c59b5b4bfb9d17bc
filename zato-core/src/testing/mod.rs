//! The test kit: a context by hand, a clock that stands still, fixed ids, captured log lines, connections that fail.
//!
//! A service is a function: call it with [`context()`] and fakes. To test it with its layers, configuration and channels,
//! start an app in the test's own process; the `zato` crate's `testing` module has the client for it.

#[cfg(feature = "cache")]
mod cache_contract;
mod clock;
mod context;
mod delivery;
mod fault_proxy;
mod ids;
pub mod lock_contract;
mod logs;
mod services;

#[cfg(feature = "cache")]
pub use self::cache_contract::store_contract;
pub use self::{
    clock::TestClock,
    context::{TestContext, context},
    delivery::{SettledProbe, delivery},
    fault_proxy::{Direction, FaultProxy, LinkFault},
    ids::SequentialIds,
    logs::{CapturedEvent, Logs, capture_logs},
};
