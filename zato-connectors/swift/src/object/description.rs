use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use zato_core::{Error, Result};

use super::META;
use crate::metadata::Metadata;

/// The header of an expiry.
pub(super) const DELETE_AT: HeaderName = HeaderName::from_static("x-delete-at");
const DELETE_AFTER: HeaderName = HeaderName::from_static("x-delete-after");

/// What is kept with an object beside what is in it.
#[derive(Default)]
pub(super) struct Description {
    /// What it is, how it is encoded, and the like.
    texts: HeaderMap,
    /// What was said of it that can't be said.
    fault: Option<Error>,
    pub(super) metadata: Metadata,
    pub(super) expiry: Option<Expiry>,
}

#[derive(Clone, Copy)]
pub(super) enum Expiry {
    After(Duration),
    At(DateTime<Utc>),
}

impl Description {
    /// Takes down a header, in place of what was said before.
    pub(super) fn text(&mut self, name: HeaderName, text: &str) {
        match value(&name, text) {
            Ok(value) => drop(self.texts.insert(name, value)),
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Returns all of it, once.
    pub(super) fn headers(&mut self) -> Result<HeaderMap> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut headers = std::mem::take(&mut self.texts);
        headers.extend(self.metadata.headers(META)?);
        match self.expiry {
            None => {}
            Some(Expiry::After(after)) => {
                headers.insert(DELETE_AFTER, HeaderValue::from(after.as_secs().max(1)));
            }
            Some(Expiry::At(at)) => headers.extend([expiry(at)?]),
        }
        Ok(headers)
    }

    /// Has the expiry be a moment, so that all requests of an upload have the same one.
    pub(super) fn at_a_moment(&mut self, now: DateTime<Utc>) -> Result<()> {
        if let Some(Expiry::After(after)) = self.expiry {
            let after = chrono::TimeDelta::from_std(after.max(Duration::from_secs(1))).ok();
            let at = after.and_then(|after| now.checked_add_signed(after));
            self.expiry = Some(Expiry::At(at.ok_or_else(|| Error::invalid_input("an expiry lies too far ahead"))?));
        }
        Ok(())
    }
}

/// Makes the value of a header of what somebody has given.
pub(super) fn value(name: &HeaderName, text: &str) -> Result<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Error::invalid_input(format!("the value of \"{name}\" has a character that can't stand in a header"))
    })
}

/// Returns the header of an expiry, in whole seconds.
pub(super) fn expiry(at: DateTime<Utc>) -> Result<(HeaderName, HeaderValue)> {
    let seconds = u64::try_from(at.timestamp()).map_err(|_| Error::invalid_input("an expiry lies before 1970"))?;
    Ok((DELETE_AT, HeaderValue::from(seconds)))
}
