//! What is remembered of an object: which version, and what became of it.

use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, Duration as Delta, NaiveDateTime, Utc};

use crate::{ObjectDetails, ObjectEntry, object::md5};

/// A version of an object, as its container lists it: another one is put, or other metadata, and it is another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    modified: DateTime<Utc>,
    etag: String,
}

/// What became of a version.
///
/// It is the content type of what is remembered, whose name tells the version: a listing, which has both, tells what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is done with.
    Served,
    /// It was served, and something is still to be done with it.
    Leaving(Deed),
    /// It was given to the service.
    Tried {
        /// How often.
        attempts: u32,
        /// How long after that it comes again; `None` as long as nobody knows how it has ended.
        after: Option<Duration>,
    },
}

/// What is done with an object that was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is deleted, with the segments that are nothing but that.
    Delete,
    /// The same, since there is a copy of it.
    Unlink,
    /// It is moved.
    Move,
}

/// How exact Swift's timestamps are, and those of others may be.
const TICK: Delta = Delta::microseconds(10);
const SECOND: Delta = Delta::seconds(1);

/// What all of them begin with.
const TYPE: &str = "application/x-zato-";

/// How long an ETag is at the most that stands in a name. That of Swift has 32 bytes.
const MAX_ETAG: usize = 64;

/// How a moment stands in a name: as long as any other, so that they are in order.
const MOMENT: &str = "%Y-%m-%dT%H:%M:%S%.6f";

impl Version {
    /// How long one is at the most as it stands in a name.
    pub(super) const ROOM: usize = MAX_ETAG + 27;

    /// Returns which version is listed; `None` if the server does not say since when it is there.
    pub(super) fn of(entry: &ObjectEntry) -> Option<Self> {
        Some(Self { modified: entry.last_modified?, etag: entry.etag.clone() })
    }

    /// Returns it as it stands in the name of what is remembered.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.modified.format(MOMENT), self.shown_etag())
    }

    /// Reads what stands in a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (modified, etag) = text.split_once(' ')?;
        let modified = NaiveDateTime::parse_from_str(modified, MOMENT).ok()?.and_utc();
        Some(Self { modified, etag: etag.to_owned() })
    }

    pub(super) fn modified(&self) -> DateTime<Utc> {
        self.modified
    }

    /// Returns whether both are the same, of which either may have been read from a name.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let moment = |it: &Self| it.modified.timestamp_micros();
        moment(self) == moment(other) && self.shown_etag() == other.shown_etag()
    }

    /// Returns whether an object is this version.
    ///
    /// Swift says of both when it was stored, with five decimals. Others that speak as it does may say it less exactly in one of
    /// them: there the content counts, too, which of a large object a listing does not tell.
    pub(super) fn is_of(&self, details: &ObjectDetails) -> bool {
        let Some(at) = details.changed_at else { return details.etag == self.etag || details.is_large };
        let apart = at.signed_duration_since(self.modified).abs();
        apart < TICK || (apart < SECOND && details.etag == self.etag)
    }

    /// Returns whether an object was put anew since it was this version; not, if the server says of neither exactly when.
    pub(super) fn is_before(&self, details: &ObjectDetails) -> bool {
        let at = details.changed_at.or(details.last_modified);
        at.is_some_and(|at| at.signed_duration_since(self.modified) >= TICK) && !self.is_of(details)
    }

    /// Returns the ETag, or its checksum if that is one which no name has room for.
    fn shown_etag(&self) -> Cow<'_, str> {
        let is_shown = self.etag.len() <= MAX_ETAG && self.etag.bytes().all(|byte| byte.is_ascii_graphic());
        if is_shown { Cow::from(&self.etag) } else { md5(self.etag.as_bytes()).into() }
    }
}

impl Mark {
    pub(super) fn content_type(self) -> String {
        match self {
            Self::Served => format!("{TYPE}served"),
            Self::Leaving(Deed::Delete) => format!("{TYPE}to-delete"),
            Self::Leaving(Deed::Unlink) => format!("{TYPE}to-unlink"),
            Self::Leaving(Deed::Move) => format!("{TYPE}to-move"),
            Self::Tried { attempts, after: None } => format!("{TYPE}tried-{attempts}"),
            Self::Tried { attempts, after: Some(after) } => format!("{TYPE}tried-{attempts}-{}", after.as_millis()),
        }
    }

    /// Reads a content type. One that is none of ours was written by somebody who says that it was served.
    pub(super) fn parse(content_type: &str) -> Self {
        let word = content_type.split(';').next().unwrap_or_default().trim().strip_prefix(TYPE).unwrap_or_default();
        match word {
            "to-delete" => Self::Leaving(Deed::Delete),
            "to-unlink" => Self::Leaving(Deed::Unlink),
            "to-move" => Self::Leaving(Deed::Move),
            word => word.strip_prefix("tried-").and_then(Self::tried).unwrap_or(Self::Served),
        }
    }

    fn tried(numbers: &str) -> Option<Self> {
        let (attempts, after) = match numbers.split_once('-') {
            Some((attempts, after)) => (attempts, Some(Duration::from_millis(after.parse().ok()?))),
            None => (numbers, None),
        };
        Some(Self::Tried { attempts: attempts.parse().ok()?, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metadata;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let after = Some(Duration::from_millis(1500));
        for mark in [
            Mark::Served,
            Mark::Leaving(Deed::Delete),
            Mark::Leaving(Deed::Unlink),
            Mark::Leaving(Deed::Move),
            Mark::Tried { attempts: 1, after: None },
            Mark::Tried { attempts: 7, after },
        ] {
            assert_eq!(Mark::parse(&mark.content_type()), mark);
            assert_eq!(Mark::parse(&format!("{}; charset=UTF-8", mark.content_type())), mark);
        }
        for other in ["", "text/plain", "application/x-zato-tried-x", "application/x-zato-tried-1-x"] {
            assert_eq!(Mark::parse(other), Mark::Served, "{other}");
        }
    }

    #[test]
    fn a_version_is_what_is_in_it_and_when_it_was_put() {
        let entry = |last_modified: &str| -> ObjectEntry {
            let json = format!(r#"{{"name": "a", "hash": "0cc1", "bytes": 1, "last_modified": "{last_modified}"}}"#);
            serde_json::from_str(&json).unwrap()
        };
        let version = Version::of(&entry("2026-11-23T00:58:55.123450")).unwrap();
        assert_eq!(version.text(), "2026-11-23T00:58:55.123450 0cc1");
        let details = |etag: &str, at: &str| ObjectDetails {
            bytes: 1,
            etag: etag.to_owned(),
            content_type: None,
            content_encoding: None,
            last_modified: None,
            changed_at: (!at.is_empty()).then(|| at.parse().unwrap()),
            expires_at: None,
            is_large: etag.is_empty(),
            metadata: Metadata::new(),
        };
        for (etag, at, is_this) in [
            ("0cc1", "2026-11-23T00:58:55.123450Z", true),
            ("", "2026-11-23T00:58:55.123450Z", true),
            ("0cc2", "2026-11-23T00:58:55.123460Z", false),
            ("0cc1", "2026-11-23T00:58:55Z", true),
            ("0cc1", "2026-11-23T00:58:57Z", false),
            ("0cc1", "", true),
            ("0cc2", "", false),
            ("", "", true),
        ] {
            assert_eq!(version.is_of(&details(etag, at)), is_this, "{etag} {at}");
        }
        let later = Version::of(&entry("2026-11-23T00:58:55.123460")).unwrap();
        assert!(!later.is_same(&version) && later.text() > version.text());
        for (etag, at, is_before) in [
            ("0cc1", "2026-11-23T00:58:55.123450Z", false),
            ("0cc2", "2026-11-23T00:58:55.123460Z", true),
            ("0cc2", "2026-11-23T00:58:55.123440Z", false),
            ("0cc1", "2026-11-23T00:58:55Z", false),
            ("0cc1", "2026-11-23T00:58:57Z", true),
            ("0cc2", "", false),
        ] {
            assert_eq!(version.is_before(&details(etag, at)), is_before, "{etag} {at}");
        }
    }

    #[test]
    fn a_version_is_read_as_it_stands_in_a_name_which_has_room_for_it() {
        let modified = "2026-11-23T00:58:55.1Z".parse().unwrap();
        for etag in ["0cc1", "", "a b", "ż", &"a".repeat(64), &"a".repeat(65)] {
            let version = Version { modified, etag: etag.to_owned() };
            let read = Version::parse(&version.text()).unwrap();
            assert!(read.is_same(&version) && read.modified == modified, "{read:?}");
            assert!(version.text().len() <= Version::ROOM, "{version:?}");
        }
        for other in ["", "0cc1", "2026 0cc1"] {
            assert_eq!(Version::parse(other), None, "{other}");
        }
    }
}
