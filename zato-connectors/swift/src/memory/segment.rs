//! The segments of large objects, as a manifest has them.

use serde_json::{Value, json};

use super::request::Place;

/// A part of a large object.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// `/container/name`
    pub(super) path: String,
    /// What its object's entity tag was.
    pub(super) etag: String,
    /// How long its object was.
    pub(super) bytes: u64,
    /// From the first to the last byte of its object, if it isn't all of it.
    pub(super) range: Option<(u64, u64)>,
    pub(super) content_type: String,
    pub(super) last_modified: String,
    /// Whether it is a large object itself.
    pub(super) is_manifest: bool,
}

impl Segment {
    pub(super) fn place(&self, account: &str) -> Place {
        let (container, name) = self.path.trim_start_matches('/').split_once('/').unwrap_or_default();
        Place { account: account.to_owned(), container: container.to_owned(), name: name.to_owned() }
    }

    pub(super) fn length(&self) -> u64 {
        self.range.map_or(self.bytes, |(first, last)| last.saturating_sub(first).saturating_add(1))
    }

    fn range_text(&self) -> Option<String> {
        self.range.map(|(first, last)| format!("{first}-{last}"))
    }

    /// As it is stored, and as whoever asks for the manifest sees it.
    pub(super) fn json(&self) -> Value {
        let mut json = json!({
            "name": self.path,
            "bytes": self.bytes,
            "hash": self.etag,
            "content_type": self.content_type,
            "last_modified": self.last_modified,
        });
        if let Some(json) = json.as_object_mut() {
            json.extend(self.range_text().map(|range| ("range".to_owned(), range.into())));
            json.extend(self.is_manifest.then(|| ("sub_slo".to_owned(), true.into())));
        }
        json
    }

    /// As a manifest that is put has it.
    pub(super) fn raw(&self) -> Value {
        let mut json = json!({ "path": self.path, "size_bytes": self.bytes, "etag": self.etag });
        if let Some(json) = json.as_object_mut() {
            json.extend(self.range_text().map(|range| ("range".to_owned(), range.into())));
        }
        json
    }

    /// What it adds to the entity tag of the whole.
    pub(super) fn mark(&self) -> String {
        match self.range_text() {
            Some(range) => format!("{}:{range};", self.etag),
            None => self.etag.clone(),
        }
    }
}
