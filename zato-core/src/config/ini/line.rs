//! Lines, and what is left of one that is being read.

use std::str;
use std::sync::Arc;

use crate::config::encoding::narrow;
use crate::config::{ConfigFault, Origin};

/// Walks over the lines of a file.
pub(super) struct Lines<'a> {
    file: Arc<str>,
    rest: str::Lines<'a>,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &str, text: &'a str) -> Self {
        Self { file: file.into(), rest: text.lines(), number: 0 }
    }

    /// The place where the file starts.
    pub(super) fn start(&self) -> Origin {
        Origin::start_of(Arc::clone(&self.file))
    }

    pub(super) fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest.next()?;
        self.number += 1;
        Some(Line { file: Arc::clone(&self.file), number: narrow(self.number), column: 1, rest })
    }
}

/// What is left of a line, and where that starts.
pub(super) struct Line<'a> {
    file: Arc<str>,
    number: u32,
    column: u32,
    rest: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn place(&self) -> Origin {
        Origin { file: Arc::clone(&self.file), line: self.number, column: self.column }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes so many bytes, which end where a character does.
    pub(super) fn advance(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.column = self.column.saturating_add(narrow(taken.chars().count()));
        self.rest = rest;
        taken
    }

    pub(super) fn skip_blanks(&mut self) {
        self.advance(self.rest.len() - self.rest.trim_start().len());
    }

    /// Takes a character if it comes next.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.advance(wanted.len_utf8());
        }
        is_next
    }

    /// Takes a character as often as it comes, with blanks between, and gives how often that was.
    pub(super) fn count(&mut self, wanted: char) -> usize {
        let mut count = 0;
        self.skip_blanks();
        while self.take(wanted) {
            count += 1;
            self.skip_blanks();
        }
        count
    }

    /// Takes everything before the first of some characters, or all that is left.
    pub(super) fn until(&mut self, ends: &[char]) -> &'a str {
        self.advance(self.rest.find(ends).unwrap_or(self.rest.len()))
    }

    /// Takes a text between two quotes, the first of which comes next.
    pub(super) fn quoted(&mut self) -> Result<&'a str, ConfigFault> {
        let start = self.place();
        let quote = self.peek().unwrap_or('"');
        self.advance(quote.len_utf8());
        let Some(length) = self.rest.find(quote) else {
            let message = format!(
                "this quote is not closed on its line; close it, or write {quote}{quote}{quote} before and after a text of \
                 several lines"
            );
            return Err(ConfigFault::at(&start, message));
        };
        let text = self.advance(length);
        self.advance(quote.len_utf8());
        Ok(text)
    }

    /// Wants nothing more but a comment.
    pub(super) fn end(&mut self, what: &str) -> Result<(), ConfigFault> {
        self.skip_blanks();
        match self.peek() {
            None | Some('#') => Ok(()),
            Some(_) => {
                Err(ConfigFault::at(&self.place(), format!("something stands {what}, or write # before a comment")))
            }
        }
    }
}
