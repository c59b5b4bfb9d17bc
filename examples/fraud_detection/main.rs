//! Fraud detection, which the bank of the tutorial tells about the users that it watches: a program of its own, that the bank
//! knows nothing of but an exchange of a broker.
//!
//! ```text
//! cargo run --example fraud_detection --features amqp
//! cargo run --example bank --features amqp,outgoing
//! curl http://api:not-for-production@localhost:17010/api/v1/user -d '{"user_name": "my.user"}'
//! ```
//!
//! It wants a broker: RabbitMQ on this machine, or wherever `AMQP_ADDRESS` says. Stop it, ask the bank again, and start it:
//! the messages have waited. Stop the broker, and start it again: both programs go on by themselves.

use zato::{Context, Error, Raw, Result, service, services, tracing::info};

/// Takes note of a user who was seen.
#[service(name = "fraud.take-note")]
pub async fn take_note(ctx: &Context, message: Raw) -> Result<()> {
    let message = message.bytes().await?;
    // What is no text will be none the next time, either: that goes to the dead letters at once.
    let text = str::from_utf8(&message).map_err(|_| Error::invalid_input("the message is no text"))?;
    info!(text, channel = ctx.channel().name, "taking note");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fraud_detection/zato.yaml");
    zato::app("fraud-detection").services(services![take_note]).config_file(config).run().await
}
