//! Lists of models that are never there as a whole.

mod reading;
mod writing;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{Input, Output, Shape};
use crate::{
    error::{Error, Result},
    message::{Content, Head, Payload, Reply},
    model::Model,
};

/// A list of models that comes, or goes, one by one: a table of any length, in the memory of a few rows.
///
/// As what a service takes, it is called before the payload is there, and asks for the rows of it. CSV is read while it
/// comes; a list in another format is read whole at the first row, within the channel's `max_body_size`. As what a service
/// gives, CSV and JSON are written while the rows are made; another format once all are. One that was taken can be given.
///
/// ```
/// # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Rate { date: String, amount: f64 }
/// # impl zato_core::model::Model for Rate { const NAME: &'static str = "Rate"; fn __made_by_the_macro() {} }
/// use zato_core::service::Rows;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let mut rows = Rows::new([Rate { date: "2012-06-01".to_owned(), amount: 1.5 }]);
/// while let Some(rate) = rows.next().await? {
///     assert_eq!(rate.amount, 1.5);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Rows<T>(Mutex<Source<T>>);

/// Behind a mutex that is never locked: with it a service may hold rows across an await, by reference, too.
type Source<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

impl<T: Send + 'static> Rows<T> {
    /// Gives what an iterator gives, each item once the one before it is written.
    pub fn new<I>(rows: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        Self::of(Iterated { items: Some(rows.into_iter()) })
    }

    /// Gives what a stream gives, as fast as it is read.
    ///
    /// An error after the first rows breaks the reply off, which is all that a caller over HTTP can be told then.
    pub fn from_stream<S, E>(rows: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        E: Into<Error>,
    {
        Self::of(Converted { stream: rows })
    }

    fn of(source: impl Stream<Item = Result<T>> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(source)))
    }

    /// Waits for the next row; `None` is the end.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::Kind::InvalidInput) with every fault of a row that can't be read, each with row and column;
    /// the next call goes on with the row after it. What the payload itself fails with, as
    /// [`Raw::chunk`](super::Raw::chunk) says, and what makes the rest unreadable, such as a quote that is never closed,
    /// after which it is at its end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped: the row is given to whoever asks next.
    pub async fn next(&mut self) -> Result<Option<T>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }

    /// Waits for all the rows that are left.
    ///
    /// # Errors
    ///
    /// The first one, as [`Rows::next`].
    pub async fn into_vec(mut self) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await? {
            rows.push(row);
        }
        Ok(rows)
    }
}

impl<T> Stream for Rows<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows<{}>", std::any::type_name::<T>())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Model> Input for Rows<T> {
    fn shape() -> Shape {
        Shape::rows::<T>()
    }

    fn from_payload(payload: Payload, head: &Head) -> Result<Self> {
        match payload.0 {
            Content::Bytes(bytes) => reading::rows(super::Raw::new(bytes).into_stream(), head),
            Content::Stream(stream) => reading::rows(stream, head),
            Content::Value(value) => super::input::from_value::<Vec<T>>(&value).map(Self::new),
            Content::Typed(typed) => {
                typed.downcast().map(|rows| *rows).map_err(|_| super::input::mismatch::<Self>(head))
            }
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Model> Output for Rows<T> {
    fn shape() -> Shape {
        Shape::rows::<T>()
    }

    fn into_reply(self, head: &Head) -> Result<Reply> {
        let (stream, content_type) = writing::stream(self, head)?;
        Ok(Reply::new(stream.into()).with_headers(super::output::with_content_type(content_type)))
    }

    /// Rows, of which there may be any number, are no value.
    fn into_value(self) -> Result<serde_json::Value> {
        Err(Error::internal("the service gave rows, which are no value: invoke it typed"))
    }
}

struct Iterated<I> {
    /// None after its end: an iterator may begin anew.
    items: Option<I>,
}

// Nothing in it is ever pinned.
impl<I> Unpin for Iterated<I> {}

impl<I: Iterator> Stream for Iterated<I> {
    type Item = Result<I::Item>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<I::Item>>> {
        let next = self.items.as_mut().and_then(Iterator::next);
        if next.is_none() {
            self.items = None;
        }
        Poll::Ready(next.map(Ok))
    }
}

pin_project! {
    /// A stream of somebody else's, with our error.
    struct Converted<S> {
        #[pin]
        stream: S,
    }
}

impl<S, T, E> Stream for Converted<S>
where
    S: Stream<Item = Result<T, E>>,
    E: Into<Error>,
{
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.project().stream.poll_next(cx).map(|next| next.map(|row| row.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests;
