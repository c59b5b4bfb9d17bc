//! How a message goes out: put together, handed over, and told about.

use std::{sync::Arc, time::Duration};

use tokio::time;
use zato_core::{Error, Result, Retry, resilience::Deadline, service::Context};

#[cfg(feature = "testing")]
use crate::testing::recorder::Recording;
use crate::{
    config::AmqpConfig,
    error,
    message::{AmqpMessage, Defaults, Sender, id},
    meter::{Meter, Outcome},
    publisher::{Fate, Publisher, REPLY_TO},
    wire::{self, Delivered, Publication, Scope, WireError},
};

/// What every message of a connection has in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) defaults: Defaults,
    pub(crate) timeout: Duration,
    pub(crate) is_retried: bool,
    pub(crate) meter: Arc<Meter>,
}

/// The client behind an [`Amqp`](crate::Amqp): channels with confirms on a connection of its definition's.
#[derive(Debug)]
pub struct AmqpClient {
    pub(super) settings: Arc<Settings>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Broker(Box<Publisher>),
    #[cfg(feature = "testing")]
    Recorder(Arc<Recording>),
}

impl Settings {
    pub(crate) fn of(config: &AmqpConfig, meter: Arc<Meter>) -> Self {
        let defaults = Defaults {
            exchange: config.exchange.clone(),
            routing_key: config.routing_key.clone(),
            data_format: config.data_format,
            delivery_mode: config.delivery_mode,
            priority: config.priority,
            expiration: config.expiration.map(Into::into),
            content_type: config.content_type.clone(),
            content_encoding: config.content_encoding.clone(),
            user_id: config.user_id.clone(),
            app_id: config.app_id.clone(),
            headers: config.headers.clone(),
            mandatory: config.mandatory,
        };
        Self { name: config.name.clone(), defaults, timeout: config.timeout.0, is_retried: config.retry, meter }
    }
}

/// What stays known of a message when it is handed over. The message itself does only where it may be sent again: a copy of
/// everything in it costs as much as putting it together.
pub(super) struct Note {
    pub(super) message_id: String,
    exchange: String,
    routing_key: String,
    pub(super) again: Option<Box<Publication>>,
}

impl Note {
    pub(super) fn of(publication: &Publication, is_retried: bool) -> Self {
        Self {
            message_id: publication.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            exchange: publication.exchange.clone(),
            routing_key: publication.routing_key.clone(),
            again: is_retried.then(|| Box::new(publication.clone())),
        }
    }

    /// Says what a fate means for who has sent the message; nothing if all is well.
    pub(super) fn told(&self, fate: &Fate, deadline: Deadline) -> Option<Error> {
        Some(match fate {
            Fate::Confirmed => return None,
            Fate::Unroutable(reason) if self.exchange.is_empty() => {
                Error::upstream(format!("there is no queue \"{}\" ({reason})", self.routing_key))
                    .with_retry(Retry::Never)
            }
            Fate::Unroutable(reason) => {
                Error::upstream(format!("no queue is bound for a message to {} ({reason})", self.whereto()))
                    .with_retry(Retry::Never)
            }
            Fate::Refused => Error::upstream(format!("the broker could not take a message to {}", self.whereto())),
            Fate::Unsent(error) => {
                let ours = error::of(error.clone());
                if ours.retry() == Retry::Never { ours } else { ours.with_retry(Retry::Unsent) }
            }
            Fate::Unknown(error) => Error::upstream(format!(
                "a message to {} was not confirmed, the broker may have it or not: {error}",
                self.whereto()
            )),
            Fate::Blamed(error) => error::of(error.clone()).with_retry(Retry::Never),
            Fate::Late { is_on_its_way: true } => too_slow(deadline),
            Fate::Late { is_on_its_way: false } => {
                Error::timeout("there was no place for it: too many messages are on their way")
                    .with_retry(Retry::Unsent)
            }
        })
    }

    fn whereto(&self) -> String {
        let Self { exchange, routing_key, .. } = self;
        match exchange.as_str() {
            "" => format!("the queue \"{routing_key}\""),
            exchange => format!("the exchange \"{exchange}\" with the routing key \"{routing_key}\""),
        }
    }
}

/// Whether it helps to send a message again, at the risk that it comes twice.
pub(super) fn may_be_sent_again(fate: &Fate) -> bool {
    match fate {
        Fate::Unknown(_) => true,
        Fate::Unsent(error) => error.scope != Scope::Nothing && error.code.is_none(),
        Fate::Confirmed | Fate::Unroutable(_) | Fate::Refused | Fate::Blamed(_) | Fate::Late { .. } => false,
    }
}

fn too_slow(deadline: Deadline) -> Error {
    let seconds = deadline.timeout().as_secs_f64();
    Error::timeout(format!("the broker has not confirmed the message within {seconds} s, and may have it or not"))
}

/// A message that was handed over, or the reason why it could not be in time.
pub(crate) enum Handed {
    Pending(crate::publisher::Pending),
    #[cfg(feature = "testing")]
    Known(Fate),
    TooLate,
}

impl AmqpClient {
    pub(crate) fn new(settings: Arc<Settings>, publisher: Publisher) -> Self {
        Self { settings, way: Way::Broker(Box::new(publisher)) }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn recording(settings: Arc<Settings>, recording: Arc<Recording>) -> Self {
        Self { settings, way: Way::Recorder(recording) }
    }

    /// Returns how many messages are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        match &self.way {
            Way::Broker(publisher) => publisher.in_flight(),
            #[cfg(feature = "testing")]
            Way::Recorder(_) => 0,
        }
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.settings.meter
    }

    /// Puts together what is sent, and until when.
    pub(super) fn begin(&self, ctx: &Context, message: AmqpMessage<'_>) -> Result<(Box<Publication>, Deadline)> {
        let deadline = Deadline::after(message.timeout.unwrap_or(self.settings.timeout));
        let sender = Sender { cid: ctx.cid(), trace: ctx.trace_of_call(), now: ctx.now(), random: ctx.random() };
        Ok((message.into_publication(&self.settings.defaults, &sender)?, deadline))
    }

    pub(super) fn turn(&self) -> usize {
        match &self.way {
            Way::Broker(publisher) => publisher.turn(),
            #[cfg(feature = "testing")]
            Way::Recorder(_) => 0,
        }
    }

    /// Hands a message over as soon as there is a place for it.
    pub(super) async fn hand_over(
        &self,
        turn: usize,
        publication: Box<Publication>,
        deadline: Deadline,
        is_alone: bool,
    ) -> Handed {
        match &self.way {
            Way::Broker(publisher) => {
                let place = match publisher.free_place() {
                    Some(place) => place,
                    None => match time::timeout_at(deadline.at(), publisher.place()).await {
                        Ok(place) => place,
                        Err(_) => return Handed::TooLate,
                    },
                };
                Handed::Pending(match is_alone {
                    true => publisher.publish_alone(turn, publication, place),
                    false => publisher.publish(turn, publication, place),
                })
            }
            #[cfg(feature = "testing")]
            Way::Recorder(recording) => Handed::Known(recording.take(*publication)),
        }
    }

    /// Waits until it is known what became of a message.
    pub(super) async fn fate(&self, handed: Handed, deadline: Deadline) -> Fate {
        let fate = match handed {
            #[cfg(feature = "testing")]
            Handed::Known(fate) => fate,
            Handed::TooLate => Fate::Late { is_on_its_way: false },
            Handed::Pending(pending) => match time::timeout_at(deadline.at(), pending.fate()).await {
                Ok(fate) => fate,
                Err(_) => Fate::Late { is_on_its_way: true },
            },
        };
        // With the wait for a place, and every time that it was sent before.
        self.settings.meter.took(deadline.timeout().saturating_sub(deadline.remaining()));
        self.settings.meter.count(match &fate {
            Fate::Confirmed => Outcome::Confirmed,
            Fate::Unroutable(_) => Outcome::Unroutable,
            Fate::Refused | Fate::Blamed(_) => Outcome::Refused,
            Fate::Unsent(_) => Outcome::Unsent,
            Fate::Unknown(_) => Outcome::Unknown,
            Fate::Late { .. } => Outcome::Timeout,
        });
        fate
    }

    /// Sends a request and waits for its reply.
    pub(super) async fn ask(
        &self,
        ctx: &Context,
        mut publication: Box<Publication>,
        deadline: Deadline,
    ) -> Result<Delivered> {
        let correlation = match publication.properties.correlation_id() {
            Some(id) => id.clone(),
            None => id(ctx.random()),
        };
        if publication.properties.reply_to().is_some() {
            return Err(Error::internal("a request has a queue for its reply; leave out the reply_to of the message"));
        }
        let properties = std::mem::take(&mut publication.properties);
        publication.properties = properties.with_correlation_id(correlation.clone()).with_reply_to(REPLY_TO.into());
        let publisher = match &self.way {
            Way::Broker(publisher) => publisher,
            #[cfg(feature = "testing")]
            Way::Recorder(recording) => return recording.ask(*publication),
        };
        let Ok(place) = time::timeout_at(deadline.at(), publisher.place()).await else {
            return Err(too_slow(deadline));
        };
        let note = Note::of(&publication, false);
        let begun = publisher.request(publication, correlation.as_str(), place);
        let Ok(begun) = time::timeout_at(deadline.at(), begun).await else { return Err(too_slow(deadline)) };
        let (pending, waiting) = begun.map_err(error::of)?;
        let fate = self.fate(Handed::Pending(pending), deadline).await;
        if let Some(error) = note.told(&fate, deadline) {
            return Err(error);
        }
        match time::timeout_at(deadline.at(), waiting.reply()).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(Error::upstream("the connection broke while a reply was awaited")),
            Err(_) => Err(Error::timeout(format!("no reply has come within {} s", deadline.timeout().as_secs_f64()))),
        }
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        match &self.way {
            Way::Broker(publisher) => {
                let channel = publisher.live().open_channel().await.map_err(error::of)?;
                channel.close().await.map_err(error::of)
            }
            #[cfg(feature = "testing")]
            Way::Recorder(_) => Ok(()),
        }
    }

    pub(crate) async fn broken(&self) -> WireError {
        match &self.way {
            Way::Broker(publisher) => publisher.broken().await,
            #[cfg(feature = "testing")]
            Way::Recorder(_) => std::future::pending().await,
        }
    }

    pub(super) async fn channel(&self) -> Result<lapin::Channel> {
        let none = || Error::unavailable("there is no real connection behind this one");
        match &self.way {
            Way::Broker(publisher) => {
                let connection = publisher.live().raw().ok_or_else(none)?;
                let opened = async { connection.create_channel().await.map_err(WireError::from) };
                wire::answered("opened no channel", opened).await.map_err(error::of)
            }
            #[cfg(feature = "testing")]
            Way::Recorder(_) => Err(none()),
        }
    }
}
