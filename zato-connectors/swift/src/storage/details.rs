use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::metadata::Metadata;

/// What a folder keeps the content type under, as others do (freedesktop.org, "Common Extended Attributes").
pub(super) const MIME_TYPE: &str = "mime_type";

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectDetails {
    /// How many bytes it has.
    pub bytes: u64,
    /// What stands for what is in it, without quotes; a folder and the memory have none.
    pub etag: Option<String>,
    /// What it is, if somebody said so.
    pub content_type: Option<String>,
    /// When it was stored, by the store's clock; the memory does not know.
    pub last_modified: Option<DateTime<Utc>>,
    /// What is kept with it.
    pub metadata: Metadata,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// What stands for what is in it, without quotes; a folder and the memory have none.
    pub etag: Option<String>,
    /// How many bytes.
    pub bytes: u64,
}

impl ObjectDetails {
    /// Reads what opendal knows.
    pub(super) fn of(known: &opendal::Metadata) -> Self {
        let pairs = known.user_metadata().into_iter().flatten();
        let (mut metadata, mut content_type) = (Metadata::new(), known.content_type().map(ToOwned::to_owned));
        for (name, value) in pairs {
            if name == MIME_TYPE && content_type.is_none() {
                content_type = Some(value.to_owned());
            } else {
                metadata.insert(name, value);
            }
        }
        let last_modified = moment(known);
        Self { bytes: known.content_length(), etag: etag(known), content_type, last_modified, metadata }
    }
}

impl From<crate::ObjectDetails> for ObjectDetails {
    fn from(known: crate::ObjectDetails) -> Self {
        let crate::ObjectDetails { bytes, etag, content_type, last_modified, metadata, .. } = known;
        Self { bytes, etag: Some(etag), content_type, last_modified, metadata }
    }
}

/// Returns when something was stored.
pub(super) fn moment(known: &opendal::Metadata) -> Option<DateTime<Utc>> {
    known.last_modified().map(|moment| SystemTime::from(moment).into())
}

/// Returns the ETag of something without its quotes.
pub(super) fn etag(known: &opendal::Metadata) -> Option<String> {
    known.etag().or(known.content_md5()).map(|etag| etag.trim_matches('"').to_owned()).filter(|etag| !etag.is_empty())
}
