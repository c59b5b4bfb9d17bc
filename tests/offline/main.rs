//! Whole-program tests that need nothing but this machine: no server, no fixed port, no network beyond loopback.

mod abuse_crowds;
mod abuse_framing;
mod abuse_http2;
mod bad_connections;
mod bad_input;
mod compression;
mod conditional;
mod configuration;
mod connections;
mod cors;
mod credentials;
mod definitions;
mod deprecation;
mod examples;
mod frames;
mod layers;
mod log_lines;
mod models;
mod observability;
mod places;
mod properties;
mod proxies;
mod rates;
mod reference;
mod reload;
#[cfg(unix)]
mod restart;
mod routing;
mod services;
mod serving;
mod streaming;
mod support;
mod tls;
pub mod ui;
mod user_layers;
mod workers;
