//! Whole-program tests against programs that nobody here wrote.
//!
//! `cargo xtask test` installs what is missing and says where it is; a plain `cargo test` takes what it finds, and says
//! which tests it left out.

mod amqp;
mod brokers;
mod databases;
mod fencing;
mod lent;
#[expect(dead_code, reason = "`cargo xtask` does more with a server than tests do, and the other way round")]
mod node;
mod partner;
mod partners;
mod process;
mod rabbitmq;
mod redis;
mod soap;
mod sql;
mod swift;
mod treasury;
mod xml_suite;
