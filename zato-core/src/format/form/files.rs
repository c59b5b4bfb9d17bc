//! A form with files in it that is there as a whole.

use std::{
    borrow::Cow,
    collections::HashMap,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::HeaderValue;

use super::parts::{Heading, Parts};
use crate::{
    error::{Error, Fault, Result},
    message::{ByteStream, FormOptions},
    model::{FormFile, Tree},
};

/// How much is looked through at once.
const PIECE: usize = 64 * 1024;

/// Reads a form as data: parts of one name are a list.
///
/// # Errors
///
/// As [`Parts`].
pub(super) fn tree(payload: &[u8], content_type: Option<&HeaderValue>, options: &FormOptions) -> Result<Tree<'static>> {
    let pieces: Vec<Bytes> = payload.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let parts = Parts::new(ByteStream::new(Pieces(pieces.into_iter())), content_type, options)?;
    let mut reading = pin!(read(parts));
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        // All of it is there: whenever it isn't ready, it has taken a piece and wants to be asked again.
        if let Poll::Ready(read) = reading.as_mut().poll(&mut cx) {
            return read;
        }
    }
}

async fn read(mut parts: Parts) -> Result<Tree<'static>> {
    let mut entries: Vec<(String, Tree<'static>)> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    while let Some(heading) = poll_fn(|cx| parts.poll_next(cx)).await? {
        let mut content = BytesMut::new();
        while let Some(piece) = poll_fn(|cx| parts.poll_chunk(cx)).await? {
            content.extend_from_slice(&piece);
        }
        let name = heading.name.clone();
        let Some(value) = value_of(heading, content.freeze())? else { continue };
        match positions.get(&name).and_then(|position| entries.get_mut(*position)) {
            Some((_, before)) => add(before, value),
            None => {
                positions.insert(name.clone(), entries.len());
                entries.push((name, value));
            }
        }
    }
    Ok(Tree::Map(entries))
}

/// A part with the name of a file is one, any other is text; `None` for what a browser sends where no file was chosen.
fn value_of(heading: Heading, content: Bytes) -> Result<Option<Tree<'static>>> {
    let Heading { name, file_name, content_type } = heading;
    if let Some(file_name) = file_name {
        let is_none = file_name.is_empty() && content.is_empty();
        return Ok(
            (!is_none).then(|| Tree::File(FormFile { file_name: Some(file_name), content_type, bytes: content }))
        );
    }
    let text = String::from_utf8(content.into());
    let text = text.map_err(|_| Error::faults(vec![Fault::new(format!("/{name}"), "the text is not UTF-8")]))?;
    Ok(Some(Tree::Text(vec![Cow::Owned(text)])))
}

/// Makes a list of what has one name.
fn add(before: &mut Tree<'static>, value: Tree<'static>) {
    match (&mut *before, value) {
        (Tree::Text(texts), Tree::Text(more)) => texts.extend(more),
        (Tree::List(items), value) => items.push(value),
        (_, value) => {
            let first = std::mem::replace(before, Tree::Null);
            *before = Tree::List(vec![first, value]);
        }
    }
}

struct Pieces(std::vec::IntoIter<Bytes>);

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}
