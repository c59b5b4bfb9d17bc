//! Consumers on the broker in memory, with services made up. Time is paused: it passes when everybody waits.

mod failing;
mod kit;
mod manual;
mod rabbitmq;
mod serving;
mod stopping;
mod supervision;
