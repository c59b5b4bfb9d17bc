//! A real broker, by way of lapin, whose own recovery is left off: what recovers here knows what has to come back.

mod channel;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use ::lapin::{
    ConnectionProperties, Event as RawEvent,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use async_rs::Runtime;
use futures_core::Stream;
use tokio::{sync, time};
use tokio_util::sync::{CancellationToken, DropGuard};
use zato_core::config::Secret;

pub(super) use self::channel::short;
pub(crate) use self::channel::{Channel, Deliveries};
use super::{
    Event, Result, Scope, WireError,
    stream::{self, Security},
};

/// How often it is looked whether a connection stands that has told nothing.
const LOOK: Duration = Duration::from_secs(1);

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// How many numbers of channels may be spoilt by faults before a connection is made anew; brokers have 2047 (RabbitMQ's
/// `channel_max`), and what is spoilt counts as open.
const MAX_SPOILED: u32 = 1000;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
}

/// Who connects, and how.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) security: Security,
    /// The name that the broker shows to operators.
    pub(crate) connection_name: String,
    /// How often either side gives a sign of life at least; 0 for never.
    pub(crate) heartbeat_seconds: u16,
    /// The largest frame in bytes; 0 leaves it to the broker.
    pub(crate) frame_max: u32,
    /// How long it may take until the other side has accepted the connection, and TLS stands.
    pub(crate) connect_timeout: Duration,
}

/// A connection to a real broker.
pub(crate) struct Connection {
    connection: ::lapin::Connection,
    events: sync::Mutex<Pin<Box<dyn Stream<Item = RawEvent> + Send>>>,
    /// That we have said goodbye, of which the library tells nothing.
    is_closed: CancellationToken,
    was_asked: AtomicBool,
    /// How many numbers of channels can't be used any more.
    spoiled: AtomicU32,
    /// Ends the library's thread with us, whether or not the broker answers.
    _end: DropGuard,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("status", &self.connection.status()).finish_non_exhaustive()
    }
}

/// Connects to a broker.
///
/// # Cancel safety
///
/// When dropped, nothing is left of the attempt.
pub(crate) async fn connect(endpoint: &Endpoint, credentials: &Credentials) -> Result<super::Connection> {
    let end = CancellationToken::new();
    let guard = end.clone().drop_guard();
    let (security, within) = (credentials.security.clone(), credentials.connect_timeout);
    let connection = ::lapin::Connection::connector(
        uri(endpoint, credentials),
        Runtime::new(stream::kit()),
        async move |uri: AMQPUri, _| {
            let address = (uri.authority.host.as_str(), uri.authority.port);
            stream::open(address, &security, within, end.clone()).await.map_err(Into::into)
        },
        properties(credentials),
    );
    let connection = connection.await?;
    let events = sync::Mutex::new(Box::pin(connection.events_listener()) as Pin<Box<_>>);
    let is_closed = CancellationToken::new();
    Ok(super::Connection::Lapin(Box::new(Connection {
        connection,
        events,
        is_closed,
        was_asked: AtomicBool::new(false),
        spoiled: AtomicU32::new(0),
        _end: guard,
    })))
}

fn uri(endpoint: &Endpoint, credentials: &Credentials) -> AMQPUri {
    let userinfo =
        AMQPUserInfo { username: credentials.username.clone(), password: credentials.password.expose().to_owned() };
    AMQPUri {
        // TLS is the stream's business; the library must not begin with it.
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority { userinfo, host: endpoint.host.clone(), port: endpoint.port },
        vhost: endpoint.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(credentials.frame_max),
            heartbeat: Some(credentials.heartbeat_seconds),
            ..AMQPQueryString::default()
        },
    }
}

fn properties(credentials: &Credentials) -> ConnectionProperties {
    ConnectionProperties::default()
        .with_connection_name(credentials.connection_name.as_str().into())
        .with_client_property("product".into(), "zato".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
}

impl Connection {
    pub(super) async fn open_channel(&self) -> Result<Channel> {
        loop {
            let error = match self.connection.create_channel().await {
                Ok(channel) => return Ok(Channel::new(channel, self.frame_max())),
                Err(error) => WireError::from(error),
            };
            // The library gives the number of a channel again, and has what that ended by for the new one as well (lapin
            // 4.12, "poison"). Brokers don't refuse channels in this way, so that the next number may do.
            if !error.is_of_channel() {
                return Err(error);
            }
            if self.spoiled.fetch_add(1, Ordering::Relaxed) >= MAX_SPOILED {
                // A new connection has them all.
                self.is_closed.cancel();
                return Err(WireError::connection("too many channels of the connection were ended by faults"));
            }
        }
    }

    /// The largest frame in bytes.
    fn frame_max(&self) -> usize {
        match self.connection.configuration().frame_max() {
            0 => usize::MAX,
            max => usize::try_from(max).unwrap_or(usize::MAX),
        }
    }

    pub(super) async fn event(&self) -> Event {
        let mut events = self.events.lock().await;
        let closed = || WireError::connection("the connection to the broker is closed");
        if !self.was_asked.swap(true, Ordering::Relaxed) && self.connection.status().blocked() {
            return Event::Blocked("the broker has said so before anybody listened".to_owned());
        }
        loop {
            // The library tells nothing of what happened before anybody listened, nor of a broker that closes a connection
            // without a fault.
            if !self.connection.status().connected() {
                self.is_closed.cancel();
            }
            let next = tokio::select! {
                biased;
                next = poll_fn(|cx| events.as_mut().poll_next(cx)) => next,
                () = self.is_closed.cancelled() => return Event::Lost(closed()),
                () = time::sleep(LOOK) => continue,
            };
            match next {
                Some(RawEvent::ConnectionBlocked(reason)) => return Event::Blocked(reason),
                Some(RawEvent::ConnectionUnblocked) => return Event::Unblocked,
                Some(RawEvent::Error(error)) => {
                    let error = WireError::from(error);
                    // What has ended one channel alone is told here, too.
                    if error.scope == Scope::Connection || !self.connection.status().connected() {
                        // Nothing follows, whoever asks again.
                        self.is_closed.cancel();
                        return Event::Lost(error);
                    }
                }
                Some(_) => {}
                None => return Event::Lost(closed()),
            }
        }
    }

    pub(super) async fn close(&self) -> Result<()> {
        let closed = time::timeout(GOODBYE, self.connection.close(200, "goodbye".into())).await;
        self.is_closed.cancel();
        closed.map_err(|_| WireError::connection("the broker did not answer a goodbye"))?.map_err(Into::into)
    }

    pub(super) fn raw(&self) -> &::lapin::Connection {
        &self.connection
    }
}
