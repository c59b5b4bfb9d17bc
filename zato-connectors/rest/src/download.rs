//! A reply that its service gives piece by piece.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tracing::{error, info, warn};
use zato_core::{
    BoxError, Error, Kind,
    message::{ByteStream, ChannelInfo, Cid},
};

/// The body of such a reply. An error in it breaks the reply off, since the status has long been sent; who looks into it
/// finds it in the log.
pub(crate) struct Download {
    stream: ByteStream,
    /// What an error is logged with; `None` where nobody is to look into it.
    of: Option<(Cid, Arc<ChannelInfo>)>,
}

impl Download {
    pub(crate) fn new(stream: ByteStream, cid: Cid, channel: Arc<ChannelInfo>) -> Self {
        Self { stream, of: Some((cid, channel)) }
    }

    /// As grave as an error is that no reply was begun for.
    fn log(&self, error: &Error) {
        let Some((cid, channel)) = &self.of else { return };
        let (cid, channel, text) = (cid.as_str(), channel.name.as_str(), error.report());
        match error.kind() {
            Kind::Internal | Kind::Config => {
                error!(zato.cid = cid, zato.channel = channel, error = %text, "reply broken off");
            }
            kind if kind.is_callers() => {
                info!(zato.cid = cid, zato.channel = channel, error = %text, "reply broken off");
            }
            _ => warn!(zato.cid = cid, zato.channel = channel, error = %text, "reply broken off"),
        }
    }
}

impl From<ByteStream> for Download {
    fn from(stream: ByteStream) -> Self {
        Self { stream, of: None }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let next = Pin::new(&mut this.stream).poll_next(cx);
        next.map_ok(Frame::data).map_err(|error| {
            this.log(&error);
            error.into()
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.length().map(SizeHint::with_exact).unwrap_or_default()
    }
}
