//! Locks that several programs share: whoever has one is the only one to do something, such as to close the books of a day.
//!
//! [`Locks`] gives them out by name, a [`Lock`] is one that is held. Where they are kept is a [`LockStore`]'s business: a
//! connection offers one, and [`Locks::in_process`] keeps them in this program.
//!
//! A lock is held for its `ttl`, and is renewed in the background for as long as it is not released. If it can't be, because
//! the network is gone or the program was suspended, it is lost: [`Lock::lost`] tells so before anybody else can have it, as
//! far as clocks go. A program that was suspended learns of it only afterwards, and what it has sent by then may arrive later
//! still; what must not be done twice under any circumstances therefore takes the [`Lock::fencing_token`] along, and whoever
//! does it refuses a token that is smaller than one that it has seen.

mod held;
mod in_process;
mod keeper;
mod locks;
mod store;

pub use self::{
    held::Lock,
    in_process::InProcessLocks,
    keeper::Keepers,
    locks::{LockRequest, Locks},
    store::{Attempt, Claim, Grant, Holder, Lease, LockFuture, LockStore, Taken},
};

#[cfg(test)]
mod tests;
