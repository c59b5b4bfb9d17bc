//! What a call carries.

use std::{
    fmt,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use reqwest::{Client, Request, RequestBuilder, multipart::Form};
use zato_core::{Error, Result, bytes::Bytes, futures_core::Stream, message::ByteStream};

use super::error;

/// What a call carries: bytes, which can be sent as often as need be, or something that can be sent once.
#[derive(Default)]
pub(super) enum CallBody {
    #[default]
    None,
    Bytes(Bytes),
    /// Bytes that are made anew each time, since a partner takes none of them twice.
    #[cfg(feature = "soap")]
    Made(Box<Make>),
    Once(Mutex<Option<Once>>),
}

/// Makes a body.
#[cfg(feature = "soap")]
pub(super) type Make = dyn Fn() -> Bytes + Send + Sync;

impl fmt::Debug for CallBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallBody")
    }
}

#[derive(Debug)]
pub(super) enum Once {
    Stream(ByteStream),
    Multipart(Form),
}

impl CallBody {
    pub(super) fn once(body: Once) -> Self {
        Self::Once(Mutex::new(Some(body)))
    }

    /// Returns whether it can be sent a second time.
    pub(super) fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Once(_))
    }

    /// Puts the body into a request of a client.
    pub(super) fn put_into(&self, client: &Client, mut request: Request) -> Result<Request> {
        let body = match self {
            Self::None => return Ok(request),
            Self::Bytes(bytes) => bytes.clone().into(),
            #[cfg(feature = "soap")]
            Self::Made(make) => make().into(),
            Self::Once(once) => {
                let taken = once.lock().unwrap_or_else(PoisonError::into_inner).take();
                match taken.ok_or_else(|| Error::internal("a streamed body can't be sent twice"))? {
                    Once::Stream(stream) => reqwest::Body::wrap(Streamed(stream)),
                    // The builder knows how long the form is; it has no other way to tell.
                    Once::Multipart(form) => {
                        let builder = RequestBuilder::from_parts(client.clone(), request);
                        return builder.multipart(form).build().map_err(error::of);
                    }
                }
            }
        };
        *request.body_mut() = Some(body);
        Ok(request)
    }
}

/// A stream as a body of HTTP.
struct Streamed(ByteStream);

impl Body for Streamed {
    type Data = Bytes;
    type Error = zato_core::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = Pin::new(&mut self.0).poll_next(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
    }

    fn size_hint(&self) -> SizeHint {
        self.0.length().map(SizeHint::with_exact).unwrap_or_default()
    }
}
