use std::time::Duration;

use bytes::Bytes;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the program that is tested to the server.
    ToServer,
    /// From the server to the program that is tested.
    ToClient,
}

/// What a [`FaultProxy`](super::FaultProxy) does to connections. Bytes are counted for each connection, from when the
/// fault was set.
///
/// # Examples
///
/// ```
/// use zato_core::testing::{Direction, LinkFault};
///
/// let half_an_answer = LinkFault::ResetAfter(Direction::ToClient, 100);
/// assert_ne!(half_an_answer, LinkFault::None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkFault {
    /// Everything goes through.
    #[default]
    None,
    /// The port is closed: who connects is refused. Connections that are open are reset.
    Refuse,
    /// The queue of connections that wait to be accepted is full: who connects waits and is told nothing. Connections
    /// that are open are reset. Only Linux does this; elsewhere who connects is accepted, and then nothing more.
    NotAccept,
    /// Connections are accepted, and not a byte goes either way.
    Stall,
    /// Not a byte goes either way any more on connections that are open, whatever is set later, as if a router had
    /// forgotten them; everything goes through on new ones.
    Forget,
    /// So many bytes go one way, then nothing more, and nobody is told.
    StallAfter(Direction, u64),
    /// So many bytes go one way, then the connection is reset for both sides.
    ResetAfter(Direction, u64),
    /// So many bytes go one way, then the connection is ended for both sides, as if that were all.
    CutAfter(Direction, u64),
    /// So many bytes go one way, then the receiver is told that nothing more is coming; the other way stays open.
    HalfCloseAfter(Direction, u64),
    /// Whatever goes one way comes so much later, piece by piece.
    Delay(Direction, Duration),
    /// So many bytes in a second go one way, and no more.
    Throttle(Direction, u64),
    /// The byte of this number, counted from 0, is another one when it comes out.
    Corrupt(Direction, u64),
    /// These bytes come out in place of all that went in, and then the connection ends.
    Replace(Direction, Bytes),
}

impl LinkFault {
    /// Whether nobody is connected while it is in force.
    pub(super) fn ends_connections(&self) -> bool {
        matches!(self, Self::Refuse | Self::NotAccept)
    }

    /// The same for one direction; what is about the other is nothing here.
    pub(super) fn going(&self, this: Direction) -> &Self {
        match self {
            Self::StallAfter(direction, _)
            | Self::ResetAfter(direction, _)
            | Self::CutAfter(direction, _)
            | Self::HalfCloseAfter(direction, _)
            | Self::Delay(direction, _)
            | Self::Throttle(direction, _)
            | Self::Corrupt(direction, _)
            | Self::Replace(direction, _)
                if *direction != this =>
            {
                &Self::None
            }
            other => other,
        }
    }
}
