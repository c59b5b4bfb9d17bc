//! Publishes one message to a queue, and ends: the least that it takes.
//!
//! ```text
//! cargo run --example publish --features amqp -- "hello"
//! ```
//!
//! It wants a broker: RabbitMQ on this machine, or wherever `AMQP_ADDRESS` says, such as
//! `amqp://user:password@broker.example.com:5672/orders`. `cargo run --example consume --features amqp` shows what arrives.

use zato::{
    Context, Result,
    amqp::{Amqp, AmqpMessage},
    model, service, services,
};

/// What to say.
#[model]
#[derive(Debug)]
pub struct Say {
    /// The words.
    pub words: String,
}

/// Publishes words.
#[service(name = "words.say")]
pub async fn say(ctx: &Context, input: Say, #[out("Words")] words: Amqp) -> Result<()> {
    let sent = words.send(ctx, AmqpMessage::text(input.words)).await?;
    zato::tracing::info!(sent.message_id, "the broker has it");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let words = std::env::args().nth(1).unwrap_or_else(|| "hello".to_owned());
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/publish/zato.yaml");
    let app = zato::app("publish").services(services![say]).config_file(config).logging().start().await?;
    let said = app.invoke::<say>(Say { words }).await;
    app.stop().await;
    said
}
