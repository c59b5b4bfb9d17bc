//! Whole-program tests against programs that nobody here wrote.
//!
//! `cargo xtask test` installs what is missing and says where it is; a plain `cargo test` takes what it finds, and says
//! which tests it left out.

mod amqp;
mod brokers;
mod partner;
mod partners;
mod rabbitmq;
mod soap;
mod treasury;
mod xml_suite;
