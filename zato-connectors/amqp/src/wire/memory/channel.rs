use std::{sync::Arc, time::Duration};

use ::lapin::types::FieldTable;
use tokio::{sync::oneshot, task, time};

use super::{
    Deliveries, Id, Kind, Shared,
    delivering::Settling,
    exchange::Target,
    routing::Outcome,
    state::{State, no_channel},
};
use crate::wire::{
    Confirmed, Exchange, Publication, Queue, QueueState, Result, Subscription, WireError, lapin::short, size,
};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// The largest frame in bytes, as RabbitMQ has it by default.
const FRAME_MAX: usize = 131_072;

/// A channel of a connection to a broker in the process itself. It is closed with its last clone, as the library's is.
#[derive(Clone)]
pub(crate) struct Channel(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    connection: Id,
    id: Id,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({})", self.0.id)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.change(|state| state.end_channel(self.id, None));
    }
}

impl Channel {
    pub(super) fn new(shared: Arc<Shared>, connection: Id, id: Id) -> Self {
        Self(Arc::new(Handle { shared, connection, id }))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Has something done on this channel, which the broker closes if it refuses.
    async fn ask<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&mut State, Id, Id) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (connection, channel) = (self.0.connection, self.0.id);
        let asked = move |state: &mut State| {
            state.session(channel)?;
            let answer = work(state, connection, channel);
            state.failed(channel, answer)
        };
        self.0.shared.lock().session(channel)?;
        self.0.shared.ask(connection, kind, asked).await
    }

    pub(in crate::wire) async fn declare_exchange(&self, exchange: &Exchange) -> Result<()> {
        short(&exchange.name)?;
        short(&exchange.kind)?;
        let exchange = exchange.clone();
        self.ask(Kind::Other, move |state, _, _| state.declare_exchange(&exchange)).await
    }

    pub(in crate::wire) async fn check_exchange(&self, name: &str) -> Result<()> {
        let name = short(name)?;
        self.ask(Kind::Other, move |state, _, _| state.check_exchange(name.as_str())).await
    }

    pub(in crate::wire) async fn declare_queue(&self, queue: &Queue) -> Result<QueueState> {
        short(&queue.name)?;
        let queue = queue.clone();
        self.ask(Kind::Other, move |state, connection, _| state.declare_queue(Some(connection), &queue)).await
    }

    pub(in crate::wire) async fn check_queue(&self, name: &str) -> Result<QueueState> {
        let name = short(name)?;
        self.ask(Kind::Other, move |state, connection, _| state.check_queue(connection, name.as_str())).await
    }

    pub(in crate::wire) async fn bind_queue(
        &self,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        self.bind(Target::Queue(short(queue)?.to_string()), exchange, key, arguments).await
    }

    pub(in crate::wire) async fn bind_exchange(
        &self,
        to: &str,
        from: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<()> {
        self.bind(Target::Exchange(short(to)?.to_string()), from, key, arguments).await
    }

    async fn bind(&self, to: Target, from: &str, key: &str, arguments: &FieldTable) -> Result<()> {
        let (from, key, arguments) = (short(from)?, short(key)?, arguments.clone());
        let bind = move |state: &mut State, connection, _| {
            state.bind(Some(connection), to, from.as_str(), key.as_str(), &arguments)
        };
        self.ask(Kind::Other, bind).await
    }

    pub(in crate::wire) async fn confirm(&self) -> Result<()> {
        let confirm = |state: &mut State, _, channel| {
            state.session(channel)?.is_confirming = true;
            Ok(())
        };
        self.ask(Kind::Other, confirm).await
    }

    pub(in crate::wire) async fn publish(&self, publication: Publication) -> Result<Confirmed> {
        short(&publication.exchange)?;
        short(&publication.routing_key)?;
        if size::of_header(&publication.properties) > FRAME_MAX {
            return Err(WireError::unsendable(format!("the properties have to fit into one frame of {FRAME_MAX}")));
        }
        let publish = move |state: &mut State, _, channel| {
            let outcome = state.publish(channel, publication)?;
            if !outcome.is_confirmed {
                return Err(WireError::unsendable("the channel has no confirms"));
            }
            if state.faults.shuffles {
                return Ok(Told::Later(state.tell_later(channel, outcome)));
            }
            let Outcome { is_taken, returned, .. } = outcome;
            Ok(Told::Now(if is_taken { Confirmed::Ack(returned) } else { Confirmed::Nack(returned) }))
        };
        match self.ask(Kind::Publishing, publish).await? {
            Told::Now(confirmed) => Ok(confirmed),
            Told::Later(confirmed) => {
                // What is published in the same breath shall be confirmed in the same breath.
                task::yield_now().await;
                self.0.shared.lock().tell(self.0.id);
                // As a library does it: without tokio's budget, after which nothing can be seen for a while.
                task::unconstrained(confirmed).await.unwrap_or_else(|_| Err(no_channel()))
            }
        }
    }

    pub(in crate::wire) fn settle_confirms(&self) {
        // All that is confirmed at once is confirmed under this lock.
        drop(self.0.shared.lock());
    }

    pub(in crate::wire) async fn prefetch(&self, count: u16) -> Result<()> {
        let prefetch = move |state: &mut State, _, channel| {
            state.session(channel)?.prefetch = count;
            Ok(())
        };
        self.ask(Kind::Other, prefetch).await
    }

    pub(in crate::wire) async fn consume(&self, subscription: &Subscription) -> Result<Deliveries> {
        short(&subscription.queue)?;
        short(&subscription.consumer_tag)?;
        let subscription = subscription.clone();
        let consume = move |state: &mut State, connection, channel| state.consume(connection, channel, &subscription);
        let subscribed = self.ask(Kind::Other, consume).await?;
        Ok(Deliveries::new(self.clone(), subscribed))
    }

    pub(in crate::wire) async fn cancel(&self, consumer_tag: &str) -> Result<()> {
        let tag = short(consumer_tag)?;
        let cancel = move |state: &mut State, _, channel| {
            state.cancel_tag(channel, tag.as_str());
            Ok(())
        };
        self.ask(Kind::Other, cancel).await
    }

    #[expect(clippy::unused_async, reason = "a real one waits until it is on its way")]
    pub(in crate::wire) async fn ack(&self, tag: u64) -> Result<()> {
        self.settle(tag, Settling::Ack)
    }

    #[expect(clippy::unused_async, reason = "a real one waits until it is on its way")]
    pub(in crate::wire) async fn nack(&self, tag: u64, requeue: bool) -> Result<()> {
        self.settle(tag, if requeue { Settling::Requeue } else { Settling::Reject })
    }

    /// Nobody hears what a broker thinks of it, save by the channel's end.
    fn settle(&self, tag: u64, how: Settling) -> Result<()> {
        let (connection, channel) = (self.0.connection, self.0.id);
        let settle = move |state: &mut State| {
            let settled = state.settle(channel, tag, how);
            // Who settled it is not told, and one of a channel that has ended meanwhile is settled by that.
            drop(state.failed(channel, settled));
        };
        self.0.shared.lock().session(channel)?;
        self.0.shared.post(connection, settle)
    }

    pub(in crate::wire) fn is_open(&self) -> bool {
        self.0.shared.lock().channels.contains_key(&self.0.id)
    }

    pub(in crate::wire) async fn close(&self) -> Result<()> {
        let end = |state: &mut State, _, channel| {
            state.end_channel(channel, None);
            Ok(())
        };
        let closed = time::timeout(GOODBYE, self.ask(Kind::Other, end)).await;
        closed.map_err(|_| WireError::connection("the broker did not answer a goodbye"))?
    }
}

/// When a publisher is told what came of a message.
enum Told {
    Now(Confirmed),
    Later(oneshot::Receiver<Result<Confirmed>>),
}

impl State {
    /// Puts a confirmation with those that are told at once.
    fn tell_later(&mut self, channel: Id, outcome: Outcome) -> oneshot::Receiver<Result<Confirmed>> {
        let (teller, told) = oneshot::channel();
        if let Some(session) = self.channels.get_mut(&channel) {
            session.batch.confirms.push((teller, outcome.is_taken));
            session.batch.returned.extend(outcome.returned);
        }
        told
    }

    /// Tells all that is to be told at once. What comes back is handed to whichever confirmation comes first, in an order
    /// that means nothing: the library looks them up in a table.
    fn tell(&mut self, channel: Id) {
        let Some(session) = self.channels.get_mut(&channel) else { return };
        let batch = std::mem::take(&mut session.batch);
        let mut returned = batch.returned;
        for (teller, is_taken) in batch.confirms.into_iter().rev() {
            let back = returned.pop_front();
            // Who published may have given up.
            let _ = teller.send(Ok(if is_taken { Confirmed::Ack(back) } else { Confirmed::Nack(back) }));
        }
    }
}
