use chrono::{DateTime, Utc};
use http::header;
use zato_core::{Error, Result};

use super::META;
use crate::{error, metadata::Metadata, wire::Answer};

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectDetails {
    /// How many bytes it has.
    pub bytes: u64,
    /// The MD5 of what is in it, in hexadecimal; of a large object that of the MD5s of its segments. Without quotes.
    pub etag: String,
    /// What it is.
    pub content_type: Option<String>,
    /// How it is encoded, such as `gzip`.
    pub content_encoding: Option<String>,
    /// When it was stored, by the server's clock, to the second.
    pub last_modified: Option<DateTime<Utc>>,
    /// When it or its metadata was stored, by the server's clock, as exactly as the listing of its container has it.
    #[doc(alias = "X-Timestamp")]
    pub changed_at: Option<DateTime<Utc>>,
    /// When the server deletes it.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it is kept in segments.
    pub is_large: bool,
    /// What is kept with it.
    pub metadata: Metadata,
}

impl ObjectDetails {
    pub(crate) fn of(answer: &Answer) -> Result<Self> {
        let owned = |name: header::HeaderName| answer.text(name.as_str()).map(ToOwned::to_owned);
        let is_true = |name: &str| answer.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        Ok(Self {
            bytes: answer.length().ok_or_else(|| missing("its length"))?,
            etag: etag(answer).ok_or_else(|| missing("its ETag"))?,
            content_type: owned(header::CONTENT_TYPE),
            content_encoding: owned(header::CONTENT_ENCODING),
            last_modified: answer.text(header::LAST_MODIFIED.as_str()).and_then(moment),
            changed_at: timestamp(answer),
            expires_at: answer.number("x-delete-at").and_then(|seconds| at(i64::try_from(seconds).ok()?)),
            is_large: is_true("x-static-large-object") || answer.headers.contains_key("x-object-manifest"),
            metadata: Metadata::of(&answer.headers, META),
        })
    }
}

#[cold]
fn missing(what: &str) -> Error {
    error::unexpected(format!("the server did not say {what}"))
}

fn at(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

/// Returns when what was asked for was stored: seconds since 1970, with five decimals.
pub(crate) fn timestamp(answer: &Answer) -> Option<DateTime<Utc>> {
    let (seconds, fraction) = answer.text("x-timestamp")?.split_once('.')?;
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).chain("000000".chars()).take(6).collect();
    let micros = seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)?;
    DateTime::from_timestamp_micros(micros)
}

/// Returns what the server's clock said when it answered, to the second (RFC 9110 §6.6.1).
pub(crate) fn date(answer: &Answer) -> Option<DateTime<Utc>> {
    answer.text(header::DATE.as_str()).and_then(moment)
}

/// Reads a moment of HTTP (RFC 9110 §5.6.7).
fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|moment| moment.to_utc())
}

/// Returns the ETag of an answer without the quotes, which Swift has for large objects only.
pub(crate) fn etag(answer: &Answer) -> Option<String> {
    let text = answer.text(header::ETAG.as_str())?;
    Some(text.trim_start_matches("W/").trim_matches('"').to_ascii_lowercase())
}
