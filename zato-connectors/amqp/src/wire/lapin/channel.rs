use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use ::lapin::{
    Confirmation, Consumer, ExchangeKind,
    message::BasicReturnMessage,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions,
        BasicQosOptions, ConfirmSelectOptions, ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{FieldTable, ShortString},
};
use futures_core::Stream;
use tokio::time;

use super::GOODBYE;
use crate::wire::{
    Confirmed, Delivered, Exchange, Publication, Queue, QueueState, Result, Returned, Subscription, WireError, size,
};

/// A channel of a real connection.
#[derive(Clone)]
pub(crate) struct Channel {
    channel: Arc<::lapin::Channel>,
    /// The largest frame in bytes.
    frame_max: usize,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({}, {:?})", self.channel.id(), self.channel.status())
    }
}

/// The library panics at names that are longer than the protocol has them.
pub(in crate::wire) fn short(text: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|_| {
        let head: String = text.chars().take(32).collect();
        WireError::unsendable(format!(
            "\"{head}...\" is longer than the 255 bytes that AMQP has for names and properties"
        ))
    })
}

impl Channel {
    pub(super) fn new(channel: ::lapin::Channel, frame_max: usize) -> Self {
        Self { channel: Arc::new(channel), frame_max }
    }

    pub(in crate::wire) async fn declare_exchange(&self, exchange: &Exchange) -> Result<()> {
        let options = ExchangeDeclareOptions {
            passive: false,
            durable: exchange.is_durable,
            auto_delete: exchange.is_auto_delete,
            internal: exchange.is_internal,
            nowait: false,
        };
        let kind = match exchange.kind.as_str() {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "topic" => ExchangeKind::Topic,
            "headers" => ExchangeKind::Headers,
            other => {
                short(other)?;
                ExchangeKind::Custom(other.to_owned())
            }
        };
        let name = short(&exchange.name)?;
        Ok(self.channel.exchange_declare(name, kind, options, exchange.arguments.clone()).await?)
    }

    pub(in crate::wire) async fn check_exchange(&self, name: &str) -> Result<()> {
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        Ok(self.channel.exchange_declare(short(name)?, ExchangeKind::Direct, options, FieldTable::default()).await?)
    }

    pub(in crate::wire) async fn declare_queue(&self, queue: &Queue) -> Result<QueueState> {
        let options = QueueDeclareOptions {
            passive: false,
            durable: queue.is_durable,
            exclusive: queue.is_exclusive,
            auto_delete: queue.is_auto_delete,
            nowait: false,
        };
        self.queue(&queue.name, options, queue.arguments.clone()).await
    }

    pub(in crate::wire) async fn check_queue(&self, name: &str) -> Result<QueueState> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.queue(name, options, FieldTable::default()).await
    }

    async fn queue(&self, name: &str, options: QueueDeclareOptions, arguments: FieldTable) -> Result<QueueState> {
        let queue = self.channel.queue_declare(short(name)?, options, arguments).await?;
        Ok(QueueState { messages: queue.message_count(), consumers: queue.consumer_count() })
    }

    pub(in crate::wire) async fn bind_queue(
        &self,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        let (queue, exchange, key) = (short(queue)?, short(exchange)?, short(key)?);
        Ok(self.channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), arguments.clone()).await?)
    }

    pub(in crate::wire) async fn bind_exchange(
        &self,
        to: &str,
        from: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        let (to, from, key) = (short(to)?, short(from)?, short(key)?);
        Ok(self.channel.exchange_bind(to, from, key, ExchangeBindOptions::default(), arguments.clone()).await?)
    }

    pub(in crate::wire) async fn confirm(&self) -> Result<()> {
        Ok(self.channel.confirm_select(ConfirmSelectOptions::default()).await?)
    }

    pub(in crate::wire) async fn publish(&self, publication: Publication) -> Result<Confirmed> {
        let Publication { exchange, routing_key, is_mandatory, properties, body } = publication;
        let (exchange, routing_key) = (short(&exchange)?, short(&routing_key)?);
        let (size, frame_max) = (size::of_header(&properties), self.frame_max);
        if size > frame_max {
            // The broker would end the connection for that, with everything that is on its way.
            return Err(WireError::unsendable(format!(
                "the properties and headers of the message have {size} bytes, and have to fit into one frame of {frame_max}"
            )));
        }
        let options = BasicPublishOptions { mandatory: is_mandatory, immediate: false };
        let confirm = self.channel.basic_publish(exchange, routing_key, options, &body, properties).await?;
        match confirm.await? {
            Confirmation::Ack(returned) => Ok(Confirmed::Ack(returned.as_ref().map(returned_of))),
            Confirmation::Nack(returned) => Ok(Confirmed::Nack(returned.as_ref().map(returned_of))),
            Confirmation::NotRequested => Err(WireError::unsendable("the channel has no confirms")),
        }
    }

    pub(in crate::wire) fn settle_confirms(&self) {
        // All that one frame confirms is confirmed under one lock. Whoever has had that lock since, as the first step of
        // this does, comes after all of it. The rest of it, which would wait, is not wanted.
        let mut waiting = pin!(self.channel.wait_for_confirms());
        let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    pub(in crate::wire) async fn prefetch(&self, count: u16) -> Result<()> {
        Ok(self.channel.basic_qos(count, BasicQosOptions::default()).await?)
    }

    pub(in crate::wire) async fn consume(&self, subscription: &Subscription) -> Result<Deliveries> {
        let options = BasicConsumeOptions {
            no_local: false,
            no_ack: subscription.is_unacknowledged,
            exclusive: subscription.is_exclusive,
            nowait: false,
        };
        let (queue, tag) = (short(&subscription.queue)?, short(&subscription.consumer_tag)?);
        let consumer = self.channel.basic_consume(queue, tag, options, subscription.arguments.clone()).await?;
        Ok(Deliveries { consumer, is_over: false })
    }

    pub(in crate::wire) async fn cancel(&self, consumer_tag: &str) -> Result<()> {
        Ok(self.channel.basic_cancel(short(consumer_tag)?, BasicCancelOptions::default()).await?)
    }

    pub(in crate::wire) async fn ack(&self, tag: u64) -> Result<()> {
        Ok(self.channel.basic_ack(tag, BasicAckOptions::default()).await?)
    }

    pub(in crate::wire) async fn nack(&self, tag: u64, requeue: bool) -> Result<()> {
        Ok(self.channel.basic_nack(tag, BasicNackOptions { multiple: false, requeue }).await?)
    }

    pub(in crate::wire) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    pub(in crate::wire) async fn close(&self) -> Result<()> {
        let closed = time::timeout(GOODBYE, self.channel.close(200, "goodbye".into())).await;
        closed.map_err(|_| WireError::connection("the broker did not answer a goodbye"))?.map_err(Into::into)
    }
}

fn returned_of(message: &BasicReturnMessage) -> Returned {
    Returned {
        message_id: message.properties.message_id().as_ref().map(ToString::to_string),
        reason: message.reply_text.to_string(),
    }
}

/// What a queue of a real broker delivers.
pub(crate) struct Deliveries {
    consumer: Consumer,
    is_over: bool,
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").field("consumer", &self.consumer).finish()
    }
}

impl Deliveries {
    pub(in crate::wire) fn tag(&self) -> String {
        self.consumer.tag().to_string()
    }

    pub(in crate::wire) async fn next(&mut self) -> Option<Result<Delivered>> {
        if self.is_over {
            return None;
        }
        let next = poll_fn(|cx: &mut Context<'_>| -> Poll<_> { Pin::new(&mut self.consumer).poll_next(cx) }).await;
        match next {
            Some(Ok(delivery)) => Some(Ok(Delivered {
                tag: delivery.delivery_tag,
                exchange: delivery.exchange.into(),
                routing_key: delivery.routing_key.into(),
                is_redelivered: delivery.redelivered,
                properties: delivery.properties,
                body: delivery.data.into(),
            })),
            Some(Err(error)) => {
                self.is_over = true;
                Some(Err(error.into()))
            }
            None => {
                self.is_over = true;
                None
            }
        }
    }
}
