use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use zato_core::{Error, Result};

/// What has to hold for a request to be done (RFC 9110 §13.1).
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    texts: Vec<(HeaderName, String)>,
}

impl Conditions {
    pub(super) fn etag(&mut self, name: HeaderName, etag: &str) {
        // Swift compares what is between the quotes, and takes them or leaves them.
        let etag = etag.trim_start_matches("W/").trim_matches('"');
        self.texts.push((name, if etag == "*" { etag.to_owned() } else { format!("\"{etag}\"") }));
    }

    pub(super) fn moment(&mut self, name: HeaderName, moment: DateTime<Utc>) {
        self.texts.push((name, moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    }

    /// Takes the ETag away that an object has to have.
    pub(super) fn take_match(&mut self) -> Option<String> {
        let (matching, others) = self.texts.drain(..).partition::<Vec<_>, _>(|(name, _)| *name == header::IF_MATCH);
        self.texts = others;
        matching.into_iter().last().map(|(_, etag)| etag.trim_matches('"').to_owned())
    }

    /// Whether an answer may say that nothing has changed.
    pub(super) fn asks_for_changes(&self) -> bool {
        self.texts.iter().any(|(name, _)| *name == header::IF_NONE_MATCH || *name == header::IF_MODIFIED_SINCE)
    }

    pub(super) fn headers(&self) -> Result<HeaderMap> {
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| Error::invalid_input("an ETag has characters that none has"))
        };
        self.texts.iter().map(|(name, text)| Ok((name.clone(), value(text)?))).collect()
    }
}
