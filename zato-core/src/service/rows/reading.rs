//! From a payload to rows.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use futures_core::Stream;

use super::Rows;
use crate::{
    error::Result,
    format,
    message::{ByteStream, Format, Head, Message, Payload},
    model::Model,
};

/// Reads rows out of a payload, in whatever format it is.
pub(super) fn rows<T: Model>(payload: ByteStream, head: &Head) -> Result<Rows<T>> {
    match head.input {
        #[cfg(feature = "csv")]
        Format::Csv => Ok(Rows::of(csv::Reading::new(payload, head)?)),
        Format::Raw => Ok(Rows::new([])),
        _ => Ok(Rows::of(Whole {
            payload,
            bytes: BytesMut::new(),
            head: Some(copy(head)),
            rows: Vec::new().into_iter(),
        })),
    }
}

/// Copies what of a head decides how its payload is read.
fn copy(head: &Head) -> Box<Head> {
    let mut copy = Message::new(head.cid, Arc::clone(&head.channel), Payload::empty()).head;
    copy.input = head.input;
    copy.params = head.params.clone();
    if let Some(content_type) = head.headers.get(http::header::CONTENT_TYPE) {
        copy.headers.insert(http::header::CONTENT_TYPE, content_type.clone());
    }
    copy
}

/// A payload that can only be read as a whole.
struct Whole<T> {
    payload: ByteStream,
    bytes: BytesMut,
    /// Until it was read.
    head: Option<Box<Head>>,
    rows: std::vec::IntoIter<T>,
}

// Nothing in it is ever pinned.
impl<T> Unpin for Whole<T> {}

impl<T: Model> Stream for Whole<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let this = &mut *self;
        while this.head.is_some() {
            match ready!(Pin::new(&mut this.payload).poll_next(cx)) {
                Some(Ok(piece)) => this.bytes.extend_from_slice(&piece),
                Some(Err(error)) => {
                    this.head = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    let bytes = std::mem::take(&mut this.bytes);
                    if let Some(head) = this.head.take() {
                        match format::decode::<Vec<T>>(&bytes, &head) {
                            Ok(rows) => this.rows = rows.into_iter(),
                            Err(error) => return Poll::Ready(Some(Err(error))),
                        }
                    }
                }
            }
        }
        Poll::Ready(this.rows.next().map(Ok))
    }
}

#[cfg(feature = "csv")]
mod csv {
    use std::{borrow::Cow, marker::PhantomData};

    use bytes::{Buf, Bytes, BytesMut};

    use super::{ByteStream, Context, Head, Model, Pin, Poll, Result, Stream, ready};
    use crate::{
        error::{Error, Fault},
        format::csv::{MAX_ROW, Next, Records, read_one, records_of},
        message::{Param, ParamsPriority},
        model::Overlay,
    };

    /// How long a byte order mark is.
    const MARK: usize = 3;

    /// CSV that is read while it comes.
    pub(super) struct Reading<T> {
        payload: ByteStream,
        records: Records,
        /// What has come and is not read yet.
        piece: Bytes,
        /// What has come before there was enough of it.
        start: Option<BytesMut>,
        is_last: bool,
        params: Vec<Param<'static>>,
        priority: ParamsPriority,
        row: PhantomData<fn() -> T>,
    }

    impl<T: Model> Reading<T> {
        pub(super) fn new(payload: ByteStream, head: &Head) -> Result<Self> {
            let params = match head.channel.params {
                Some(_) if !head.params.is_empty() => head.params.grouped(head.channel.url_params)?,
                _ => Vec::new(),
            };
            let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
            let params = params.into_iter().map(|Param { name, values }| Param {
                name: owned(name),
                values: values.into_iter().map(owned).collect(),
            });
            Ok(Self {
                payload,
                records: records_of::<T>(&head.channel.options.csv, MAX_ROW),
                piece: Bytes::new(),
                start: Some(BytesMut::new()),
                is_last: false,
                params: params.collect(),
                priority: head.channel.params.unwrap_or_default(),
                row: PhantomData,
            })
        }

        /// Looks for a row in what has come.
        fn look(&mut self) -> Result<Next, Fault> {
            let mut rest: &[u8] = &self.piece;
            let next = self.records.next(&mut rest, self.is_last);
            let read = self.piece.len() - rest.len();
            self.piece.advance(read);
            next
        }

        /// Takes what has come; nothing more comes if that is nothing.
        fn take(&mut self, piece: Option<Bytes>) {
            self.is_last = piece.is_none();
            let mut piece = piece.unwrap_or_default();
            if let Some(mut start) = self.start.take() {
                start.extend_from_slice(&piece);
                if start.len() < MARK && !self.is_last {
                    self.start = Some(start);
                    return;
                }
                piece = start.freeze();
            }
            self.piece = match self.records.prepared(&piece) {
                Cow::Borrowed(_) => piece,
                Cow::Owned(prepared) => prepared.into(),
            };
        }
    }

    impl<T: Model> Stream for Reading<T> {
        type Item = Result<T>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
            let this = &mut *self;
            loop {
                match this.look() {
                    Ok(Next::Row) => {
                        let overlay = Overlay { params: &this.params, priority: this.priority };
                        return Poll::Ready(Some(read_one(&this.records, overlay)));
                    }
                    Ok(Next::End) => return Poll::Ready(None),
                    Ok(Next::Wait) => {}
                    Err(fault) => return Poll::Ready(Some(Err(Error::faults(vec![fault])))),
                }
                match ready!(Pin::new(&mut this.payload).poll_next(cx)).transpose() {
                    Ok(piece) => this.take(piece),
                    Err(error) => {
                        this.records.end();
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }
}
