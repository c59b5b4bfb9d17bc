use std::{collections::VecDeque, fmt, sync::Arc};

use http::Method;
use zato_core::Result;

use super::{entry::Entry, list::Query};
use crate::{Swift, error, wire::Call};

/// How many entries are asked for at once: some hundred kilobytes.
const PAGE: usize = 1000;

/// How large a page may be: 10,000 entries with the longest names, written as JSON.
const MAX_PAGE: usize = 64 * 1024 * 1024;

/// The pages of a listing, of which one is held at a time.
pub(super) struct Pages<E> {
    swift: Swift,
    container: Option<Arc<str>>,
    query: Query,
    page: VecDeque<E>,
    /// How many may still be taken.
    left: usize,
    is_over: bool,
}

impl<E: Entry> Pages<E> {
    pub(super) fn new(swift: Swift, container: Option<Arc<str>>, query: Query) -> Self {
        let left = query.limit.unwrap_or(usize::MAX);
        Self { swift, container, query, page: VecDeque::new(), left, is_over: false }
    }

    pub(super) async fn next(&mut self) -> Result<Option<E>> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.page.is_empty() && !self.is_over {
            self.turn().await?;
        }
        let entry = self.page.pop_front();
        self.left -= usize::from(entry.is_some());
        Ok(entry)
    }

    /// Asks for the next page. One that has fewer than were asked for need not be the last: a server may give fewer.
    async fn turn(&mut self) -> Result<()> {
        let answer = self.swift.call(self.call()?).await?;
        let bytes = answer.bytes(MAX_PAGE).await.map_err(|error| self.about(error))?;
        // Swift answers 204 with nothing at all where there is nothing.
        let entries: VecDeque<E> = if bytes.is_empty() {
            VecDeque::new()
        } else {
            let read = serde_json::from_slice(&bytes);
            read.map_err(|error| self.about(error::unexpected("the listing can't be read").with_source(error)))?
        };
        let Some(last) = entries.back() else {
            self.is_over = true;
            return Ok(());
        };
        if self.query.marker.as_deref() == Some(last.marker()) {
            return Err(self.about(error::unexpected("the listing goes round in circles")));
        }
        self.query.marker = Some(last.marker().to_owned());
        self.page = entries;
        Ok(())
    }

    fn call(&self) -> Result<Call> {
        let call = match &self.container {
            Some(container) => Call::container(Method::GET, container)?,
            None => Call::account(Method::GET),
        };
        let call = if self.query.is_at_once { call.at_once() } else { call };
        let Query { prefix, delimiter, marker, end_marker, is_reverse, page_size, .. } = &self.query;
        let limit = page_size.unwrap_or(PAGE).min(self.left).to_string();
        let mut call = call.query("format", Some("json")).query("limit", Some(&limit));
        for (key, value) in
            [("prefix", prefix), ("delimiter", delimiter), ("marker", marker), ("end_marker", end_marker)]
        {
            if let Some(value) = value {
                call = call.query(key, Some(value));
            }
        }
        Ok(if *is_reverse { call.query("reverse", Some("true")) } else { call })
    }

    fn about(&self, error: zato_core::Error) -> zato_core::Error {
        error.with("connection", self.swift.name()).with("container", self.container.as_deref().unwrap_or_default())
    }
}

impl<E> fmt::Debug for Pages<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("query", &self.query).finish_non_exhaustive()
    }
}
