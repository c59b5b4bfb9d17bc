use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use zato_core::{Error, Result};

use super::META;
use crate::metadata::Metadata;

/// The header of an expiry.
pub(super) const DELETE_AT: HeaderName = HeaderName::from_static("x-delete-at");
const DELETE_AFTER: HeaderName = HeaderName::from_static("x-delete-after");

/// What is kept with an object beside what is in it.
#[derive(Default)]
pub(super) struct Description<'a> {
    pub(super) content_type: Option<&'a str>,
    /// Other headers of the content.
    pub(super) texts: Vec<(HeaderName, &'a str)>,
    pub(super) metadata: Metadata,
    pub(super) expiry: Option<Expiry>,
}

#[derive(Clone, Copy)]
pub(super) enum Expiry {
    After(Duration),
    At(DateTime<Utc>),
}

impl Description<'_> {
    pub(super) fn headers(&self) -> Result<HeaderMap> {
        let mut headers = self.metadata.headers(META)?;
        let content_type = self.content_type.map(|content_type| (header::CONTENT_TYPE, content_type));
        for (name, text) in content_type.into_iter().chain(self.texts.iter().cloned()) {
            let value = value(&name, text)?;
            headers.insert(name, value);
        }
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
