use std::future::poll_fn;

use bytes::{Bytes, BytesMut};

use super::{Input, Raw, Shape};
use crate::{
    error::{Error, Kind, Result},
    format::form::{Heading, Parts},
    message::{ByteStream, Content, FormOptions, Head, Payload},
};

/// A form with files in it (`multipart/form-data`, RFC 7578) whose parts come one by one, each in pieces: for a service
/// that takes files of any size, in the memory of a few pieces. Where they are small, fields of a model are simpler:
/// [`FormFile`](crate::model::FormFile).
///
/// Whatever the `data_format` of the channel, the `Content-Type` has to say that it is such a form.
///
/// ```
/// use zato_core::service::{Multipart, Raw};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let body = "--b\r\ncontent-disposition: form-data; name=\"photo\"; filename=\"a.jpg\"\r\n\r\n...\r\n--b--\r\n";
/// let mut form = Multipart::new(Raw::new(body).with_content_type("multipart/form-data; boundary=b"))?;
/// while let Some(mut part) = form.next().await? {
///     assert_eq!((part.name(), part.file_name()), ("photo", Some("a.jpg")));
///     while let Some(piece) = part.chunk().await? {
///         assert_eq!(piece, "...");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Multipart {
    parts: Parts,
}

/// One part of a [`Multipart`], which lasts until the next one is asked for.
#[derive(Debug)]
pub struct Part<'m> {
    parts: &'m mut Parts,
    heading: Heading,
}

impl Multipart {
    /// Begins to read a form, of at most 1000 parts.
    ///
    /// # Errors
    ///
    /// [`UnsupportedMediaType`](Kind::UnsupportedMediaType) if the content type says that it is none;
    /// [`InvalidInput`](Kind::InvalidInput) if it names no boundary.
    pub fn new(body: Raw) -> Result<Self> {
        let content_type = body.content_type().cloned();
        Parts::new(body.into_stream(), content_type.as_ref(), &FormOptions::default()).map(|parts| Self { parts })
    }

    /// Waits for the next part, past what was not read of the one before it; `None` is the end.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](Kind::InvalidInput) if the form is malformed or cut off; [`TooLarge`](Kind::TooLarge) if it has
    /// more parts than the channel's `form.max_parts`; what the payload itself fails with, as [`Raw::chunk`] says.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: the part is given to whoever asks next.
    pub async fn next(&mut self) -> Result<Option<Part<'_>>> {
        let heading = poll_fn(|cx| self.parts.poll_next(cx)).await?;
        Ok(heading.map(|heading| Part { parts: &mut self.parts, heading }))
    }
}

impl Part<'_> {
    /// Returns the name of the field.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.heading.name
    }

    /// Returns what the client says that the file is called, if it is one. It may say anything, paths and names of files
    /// that exist included.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.heading.file_name.as_deref()
    }

    /// Returns what the client says that the bytes are.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.heading.content_type.as_deref()
    }

    /// Waits for the next piece; `None` is the end of the part.
    ///
    /// # Errors
    ///
    /// As [`Multipart::next`]; [`TooLarge`](Kind::TooLarge) above the channel's `form.max_part_size`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: the piece is given to whoever asks next.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|cx| self.parts.poll_chunk(cx)).await
    }

    /// Reads what is left of the part, as long as it is no more than so many bytes.
    ///
    /// # Errors
    ///
    /// As [`Part::chunk`]; [`TooLarge`](Kind::TooLarge) if there is more.
    pub async fn bytes_within(mut self, max: usize) -> Result<Bytes> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            if piece.len() > max.saturating_sub(whole.len()) {
                let message = format!("the part {:?} of the form is larger than {max} bytes", self.name());
                return Err(Error::new(Kind::TooLarge, message));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

#[diagnostic::do_not_recommend]
impl Input for Multipart {
    fn shape() -> Shape {
        Shape::Multipart
    }

    fn from_payload(payload: Payload, head: &Head) -> Result<Self> {
        let body: ByteStream = match payload.0 {
            Content::Bytes(bytes) => Raw::new(bytes).into_stream(),
            Content::Stream(stream) => stream,
            Content::Value(_) => return Err(super::input::mismatch::<Self>(head)),
            Content::Typed(typed) => {
                return typed.downcast().map(|form| *form).map_err(|_| super::input::mismatch::<Self>(head));
            }
        };
        let content_type = head.headers.get(http::header::CONTENT_TYPE);
        Parts::new(body, content_type, &head.channel.options.form).map(|parts| Self { parts })
    }
}
