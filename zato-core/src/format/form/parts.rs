//! The parts of a form with files in it, one after the other (`multipart/form-data`, RFC 7578).

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use multer::{Error as Malformed, Field, Multipart};

use crate::{
    error::{Error, Kind, Result},
    message::{ByteStream, FormOptions},
};

/// How much may come before the first part, or of the headers of one: all of it is looked through again with every piece
/// that comes.
const MAX_BETWEEN: usize = 64 * 1024;

/// How long a boundary may be (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// A form whose parts come one by one.
pub(crate) struct Parts {
    form: Multipart<'static>,
    current: Option<Field<'static>>,
    name: String,
    /// How many bytes of the current part were given.
    given: usize,
    /// How many parts there were.
    count: usize,
    max_parts: usize,
    max_part_size: usize,
    /// How much was read since something was found.
    unused: Arc<AtomicUsize>,
    is_over: bool,
}

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// Whether a payload says that it is such a form.
pub(crate) fn is_multipart(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case("multipart/form-data"))
}

impl Parts {
    /// Begins to read a form.
    ///
    /// # Errors
    ///
    /// [`UnsupportedMediaType`](Kind::UnsupportedMediaType) if it is none, [`InvalidInput`](Kind::InvalidInput) if it names
    /// no boundary.
    pub(crate) fn new(body: ByteStream, content_type: Option<&HeaderValue>, options: &FormOptions) -> Result<Self> {
        if !is_multipart(content_type) {
            return Err(Error::new(Kind::UnsupportedMediaType, "the Content-Type is not multipart/form-data"));
        }
        let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(text).ok();
        let Some(boundary) = boundary.filter(|text| !text.is_empty() && text.len() <= MAX_BOUNDARY) else {
            let message = format!("the Content-Type names no boundary of 1 to {MAX_BOUNDARY} characters");
            return Err(Error::invalid_input(message));
        };
        let unused = Arc::<AtomicUsize>::default();
        let paced = Paced { body, has_given: false, unused: Arc::clone(&unused) };
        Ok(Self {
            form: Multipart::new(paced, boundary),
            current: None,
            name: String::new(),
            given: 0,
            count: 0,
            max_parts: options.max_parts,
            max_part_size: options.max_part_size.unwrap_or(usize::MAX),
            unused,
            is_over: false,
        })
    }

    /// Goes on to the next part, past what is left of the one before it.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Heading>>> {
        while self.current.is_some() {
            if let Err(error) = ready!(self.poll_chunk(cx)) {
                return Poll::Ready(Err(error));
            }
        }
        if self.is_over {
            return Poll::Ready(Ok(None));
        }
        let next = ready!(self.form.poll_next_field(cx)).map_err(|error| malformed(error, ""));
        self.unused.store(0, Ordering::Relaxed);
        Poll::Ready(next.and_then(|field| self.begin(field)).inspect_err(|_| self.is_over = true))
    }

    fn begin(&mut self, field: Option<Field<'static>>) -> Result<Option<Heading>> {
        let Some(field) = field else {
            self.is_over = true;
            return Ok(None);
        };
        self.count += 1;
        if self.count > self.max_parts {
            return Err(Error::new(Kind::TooLarge, format!("the form has more than {} parts", self.max_parts)));
        }
        let name = field.name().ok_or_else(|| Error::invalid_input("a part of the form has no name"))?;
        let heading = Heading {
            name: name.to_owned(),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(ToString::to_string),
        };
        name.clone_into(&mut self.name);
        self.given = 0;
        self.current = Some(field);
        Ok(Some(heading))
    }

    /// Gives the next piece of the current part; `None` is its end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Some(field) = &mut self.current else { return Poll::Ready(Ok(None)) };
        let piece = match ready!(Pin::new(field).poll_next(cx)) {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return Poll::Ready(Err(self.fail(malformed(error, &self.name)))),
            None => {
                self.current = None;
                return Poll::Ready(Ok(None));
            }
        };
        self.unused.store(0, Ordering::Relaxed);
        self.given = self.given.saturating_add(piece.len());
        if self.given > self.max_part_size {
            let message = format!("the part {:?} of the form is larger than {} bytes", self.name, self.max_part_size);
            return Poll::Ready(Err(self.fail(Error::new(Kind::TooLarge, message))));
        }
        Poll::Ready(Ok(Some(piece)))
    }

    fn fail(&mut self, error: Error) -> Error {
        self.current = None;
        self.is_over = true;
        error
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Says what is wrong with a form, or what its body failed with.
fn malformed(error: Malformed, part: &str) -> Error {
    let what = match error {
        Malformed::StreamReadFailed(source) => return Error::from_boxed(source),
        Malformed::IncompleteFieldData { .. } => format!("the part {part:?} is cut off"),
        Malformed::IncompleteStream => {
            "it has not the boundaries that its Content-Type says, up to the last one".to_owned()
        }
        Malformed::IncompleteHeaders
        | Malformed::ReadHeaderFailed(_)
        | Malformed::DecodeHeaderName { .. }
        | Malformed::DecodeHeaderValue { .. } => "the headers of a part can't be read, or are more than 32".to_owned(),
        _ => "a part can't be read".to_owned(),
    };
    Error::invalid_input(format!("malformed form: {what}"))
}

/// Gives one piece at a time: who reads a form would otherwise take everything in that is there, before it looks at any
/// of it.
struct Paced {
    body: ByteStream,
    has_given: bool,
    unused: Arc<AtomicUsize>,
}

impl Stream for Paced {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        if std::mem::take(&mut this.has_given) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(Pin::new(&mut this.body).poll_next(cx));
        if let Some(Ok(piece)) = &next {
            this.has_given = true;
            let before = this.unused.fetch_add(piece.len(), Ordering::Relaxed);
            if before > MAX_BETWEEN {
                let message = "malformed form: more than 64 KiB are there without a part, or are the headers of one";
                return Poll::Ready(Some(Err(Error::invalid_input(message))));
            }
        }
        Poll::Ready(next)
    }
}
