//! Consumes a queue until it is stopped: the least that it takes.
//!
//! ```text
//! cargo run --example consume --features amqp
//! ```
//!
//! It wants a broker: RabbitMQ on this machine, or wherever `AMQP_ADDRESS` says. `cargo run --example publish --features amqp
//! -- "hello"` gives it something to do.

use zato::{Context, Raw, Result, amqp::Received, service, services, tracing::info};

/// Is given each message of the queue; when it has returned, the message is acknowledged.
#[service(name = "words.hear")]
pub async fn hear(ctx: &Context, words: Raw) -> Result<()> {
    let words = words.bytes().await?;
    let redelivered = Received::of(ctx).is_some_and(Received::is_redelivered);
    info!(words = %String::from_utf8_lossy(&words), redelivered, "heard");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/consume/zato.yaml");
    zato::app("consume").services(services![hear]).config_file(config).run().await
}
