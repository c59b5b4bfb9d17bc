//! What the handle promises, on a Swift in the test's own process and, where one is, on a real one.

mod channel;
mod containers;
mod copied;
mod faults;
mod handles;
pub(crate) mod kit;
mod large;
mod large_copied;
mod large_faults;
mod large_resumed;
mod objects;
mod progress;
mod reading;
mod sessions;
mod temp_url;

pub(crate) use self::large::bytes as large_bytes;
