//! What stands around calls to other systems: tower layers that every connector can use, alone or together.
//!
//! A request says under which circumstances it may be sent again ([`OutgoingRequest`]), an answer what it tells of the
//! other side ([`OutgoingResponse`]). [`Resilience`] is all layers of a connection as one expression:
//!
//! ```text
//! timeout > rate limit > bulkhead > retry > circuit breaker > hedge > the connector's own service
//! ```
//!
//! The layers decide when they are called, not when their future is polled first, and they are ready when what is inside
//! them is. A layer that is not configured costs the look whether it is. A call may be dropped at any time: places and
//! probes are given back.
//!
//! What a layer decides is counted in the connection's [`Decisions`], logged with the connection's name, and recorded in
//! the current span (`zato.retries`, `zato.hedged`, `zato.refused`), if that has such fields.

mod budget;
mod call;
mod deadline;
mod decisions;
mod refusable;
mod stack;

pub mod timeout;

pub mod rate_limit;

pub mod bulkhead;

pub mod retry;

pub mod circuit_breaker;

pub mod hedge;

#[cfg(test)]
mod tests;

pub use self::{
    budget::Budget,
    call::{Health, OutgoingRequest, OutgoingResponse, Repeat, Verdict},
    deadline::Deadline,
    decisions::{CircuitState, Decisions},
    refusable::Refusable,
    stack::{Resilience, Resilient},
};
