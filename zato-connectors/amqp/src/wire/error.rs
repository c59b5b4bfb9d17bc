use std::{error::Error, fmt};

use ::lapin::{ErrorKind, protocol::AMQPErrorKind};

/// Why a broker did not do what it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct WireError {
    pub(crate) scope: Scope,
    /// What the broker calls it, if it was the broker that said no (AMQP 0-9-1 §1.1, "constants").
    pub(crate) code: Option<Code>,
    /// One line, lower-case, without the broker's address.
    pub(crate) message: String,
}

/// What a fault has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The channel alone: the connection can still be used.
    Channel,
    /// The connection, with every channel of it.
    Connection,
    /// Nothing at all: what was asked for could not be sent.
    Nothing,
}

/// The reply codes that somebody acts upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// 403: the user may not do this, or is not who it says.
    AccessRefused,
    /// 404: no such queue or exchange.
    NotFound,
    /// 405: somebody else uses the queue alone.
    ResourceLocked,
    /// 406: it is there, and otherwise than it was declared; or what was acknowledged is not known.
    PreconditionFailed,
    /// 530: no such virtual host, or not for this user.
    NotAllowed,
    /// 320: an operator, or the broker's end, has closed the connection.
    ConnectionForced,
    /// Any other.
    Other(u16),
}

impl From<u16> for Code {
    fn from(code: u16) -> Self {
        match code {
            403 => Self::AccessRefused,
            404 => Self::NotFound,
            405 => Self::ResourceLocked,
            406 => Self::PreconditionFailed,
            530 => Self::NotAllowed,
            320 => Self::ConnectionForced,
            other => Self::Other(other),
        }
    }
}

impl WireError {
    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self { scope: Scope::Connection, code: None, message: message.into() }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn channel(code: Code, message: impl Into<String>) -> Self {
        Self { scope: Scope::Channel, code: Some(code), message: message.into() }
    }

    /// Says what was asked for.
    pub(crate) fn about(self, what: &str, name: &str) -> Self {
        Self { message: format!("the {what} \"{name}\": {}", self.message), ..self }
    }

    /// Whether the broker has said no, and ended a channel with that and nothing else.
    pub(crate) fn is_of_channel(&self) -> bool {
        self.scope == Scope::Channel && self.code.is_some()
    }

    /// What can't be put into a frame, such as a name that is too long.
    pub(crate) fn unsendable(message: impl Into<String>) -> Self {
        Self { scope: Scope::Nothing, code: None, message: message.into() }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for WireError {}

impl From<::lapin::Error> for WireError {
    fn from(error: ::lapin::Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(told) => {
                let scope = match told.kind() {
                    AMQPErrorKind::Soft(_) => Scope::Channel,
                    AMQPErrorKind::Hard(_) => Scope::Connection,
                };
                // RabbitMQ's own words begin with the code's name: `NOT_FOUND - no queue 'a' in vhost '/'`.
                Self { scope, code: Some(told.get_id().into()), message: told.get_message().to_string() }
            }
            ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidChannel(_) => {
                Self { scope: Scope::Channel, code: None, message: "the channel to the broker is closed".to_owned() }
            }
            ErrorKind::ChannelsLimitReached => {
                Self::unsendable("the connection has as many channels as the broker allows")
            }
            ErrorKind::MissingHeartbeatError => Self::connection("the broker gave no sign of life (heartbeat)"),
            ErrorKind::InvalidConnectionState(_) => Self::connection("the connection to the broker is closed"),
            ErrorKind::IOError(error) | ErrorKind::RuntimeShutdownError(error) => Self::connection(error.to_string()),
            _ => Self::connection(error.to_string()),
        }
    }
}
