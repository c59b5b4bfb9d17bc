//! What the handle promises, on every store there is: the fake, a folder, the memory, a Swift in the process over a connection
//! of its own, a real Swift, and S3 as that one speaks it.

mod app;
mod conditions;
mod connection;
mod faults;
mod folder;
mod kit;
mod large;
mod links;
mod listing;
mod names;
mod objects;
mod operator;
