//! The connection of a subscription. It is read when somebody wants to know what there is, so that what waits does so at the
//! server; the library's own would keep all of it in memory.

use std::io;

use combine::stream::{Decoder, PointerOffset};
use redis::{Cmd, RedisResult, Value};
use tokio::{
    io::AsyncWriteExt as _,
    time::{self, Instant},
};
use zato_core::bytes::Bytes;

use super::{RedisMessage, Topics};
use crate::{
    error,
    target::{Stream, Target},
};

/// The state of the library's parser between one read and the next.
type Parser = Decoder<combine::parser::combinator::AnySendSyncPartialState, PointerOffset<[u8]>>;

/// The connection of a subscription.
pub(super) struct Wire {
    stream: Stream,
    parser: Parser,
    /// Whether a ping was sent that was not answered yet.
    is_asked: bool,
    /// What is to be sent yet.
    unsent: Bytes,
    /// When the server said something, or was asked to, for the last time.
    since: Instant,
}

/// What has come.
pub(super) enum Received {
    Message(RedisMessage),
    /// An answer, such as to a ping.
    Other,
}

impl Wire {
    /// Connects and listens.
    pub(super) async fn open(target: &Target, topics: &Topics) -> RedisResult<Self> {
        time::timeout(target.connect_timeout, Self::open_in_time(target, topics)).await.map_err(|_| error::late())?
    }

    async fn open_in_time(target: &Target, topics: &Topics) -> RedisResult<Self> {
        let stream = target.open().await?;
        let mut wire =
            Self { stream, parser: Decoder::new(), is_asked: false, unsent: Bytes::new(), since: Instant::now() };
        if let Some(password) = &target.credentials.password {
            let mut auth = Cmd::new();
            auth.arg("AUTH").arg(target.credentials.username.as_deref()).arg(password.expose());
            wire.call(&auth).await?;
        }
        let mut name = Cmd::new();
        name.arg("CLIENT").arg("SETNAME").arg(target.visible_name());
        // One that doesn't allow that does without.
        let _ = wire.call(&name).await;
        wire.listen("SUBSCRIBE", topics.channels.iter()).await?;
        wire.listen("PSUBSCRIBE", topics.patterns.iter()).await?;
        Ok(wire)
    }

    /// Listens to channels, each of which is confirmed.
    async fn listen<'t>(&mut self, word: &str, names: impl ExactSizeIterator<Item = &'t String>) -> RedisResult<()> {
        if names.len() == 0 {
            return Ok(());
        }
        let confirmations = names.len();
        let mut command = Cmd::new();
        command.arg(word);
        names.for_each(|name| {
            command.arg(name);
        });
        self.write(&command).await?;
        for _ in 0..confirmations {
            self.read().await?.extract_error()?;
        }
        Ok(())
    }

    /// Waits for what comes next. May be dropped at any time.
    pub(super) async fn next(&mut self) -> RedisResult<Received> {
        // What is sent is known at any time, so that nothing of it is sent twice.
        while !self.unsent.is_empty() {
            let sent = self.stream.write(&self.unsent).await?;
            if sent == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            drop(self.unsent.split_to(sent));
        }
        self.stream.flush().await?;
        let value = self.read().await?.extract_error()?;
        self.since = Instant::now();
        let parts = match value {
            Value::Array(parts) => parts,
            Value::Push { data, .. } => data,
            _ => {
                self.is_asked = false;
                return Ok(Received::Other);
            }
        };
        Ok(match message(parts) {
            Some(message) => Received::Message(message),
            None => {
                self.is_asked = false;
                Received::Other
            }
        })
    }

    /// Returns when the server said something, or was asked to, for the last time.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Asks for a sign of life, which is sent when somebody waits for what comes next.
    ///
    /// # Errors
    ///
    /// If there was none since it was asked for the last time.
    pub(super) fn ask(&mut self) -> RedisResult<()> {
        if std::mem::replace(&mut self.is_asked, true) {
            return Err(error::late());
        }
        let mut ping = Cmd::new();
        ping.arg("PING");
        self.unsent = Bytes::from(ping.get_packed_command());
        self.since = Instant::now();
        Ok(())
    }

    async fn call(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.write(command).await?;
        self.read().await?.extract_error()
    }

    async fn write(&mut self, command: &Cmd) -> RedisResult<()> {
        self.stream.write_all(&command.get_packed_command()).await?;
        Ok(self.stream.flush().await?)
    }

    async fn read(&mut self) -> RedisResult<Value> {
        redis::parse_redis_value_async(&mut self.parser, &mut self.stream).await
    }
}

/// Reads a message, unless it is something else.
fn message(parts: Vec<Value>) -> Option<RedisMessage> {
    let mut parts = parts.into_iter();
    let kind = text(parts.next()?)?;
    let pattern = match kind.as_str() {
        "message" => None,
        "pmessage" => Some(text(parts.next()?)?),
        _ => return None,
    };
    let (channel, payload) = (text(parts.next()?)?, parts.next()?);
    let Value::BulkString(payload) = payload else { return None };
    Some(RedisMessage { channel, pattern, payload: Bytes::from(payload) })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
