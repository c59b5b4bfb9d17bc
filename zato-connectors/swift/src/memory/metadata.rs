//! Metadata: what comes in with headers, and is kept.

use http::{HeaderMap, HeaderName, StatusCode};

use super::answer::{Outcome, Refusal};

/// How many entries there may be, and how long their names and values, and all of them together: `GET /info` tells.
const MOST_ENTRIES: usize = 90;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 256;
const MOST_BYTES: usize = 4096;

/// The headers that an object keeps, beside its metadata and its content type.
const KEPT_WITH_OBJECT: &[&str] =
    &["cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-robots-tag"];

/// What metadata belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Account,
    Container,
    Object,
}

impl Owner {
    fn prefix(self) -> &'static str {
        match self {
            Self::Account => "x-account-meta-",
            Self::Container => "x-container-meta-",
            Self::Object => "x-object-meta-",
        }
    }

    fn removing(self) -> &'static str {
        match self {
            Self::Account => "x-remove-account-",
            Self::Container => "x-remove-container-",
            Self::Object => "x-remove-object-",
        }
    }

    fn keeps(self, name: &str) -> bool {
        match self {
            _ if name.starts_with(self.prefix()) => true,
            Self::Account => false,
            Self::Container => matches!(name, "x-container-read" | "x-container-write" | "x-versions-location"),
            Self::Object => KEPT_WITH_OBJECT.contains(&name),
        }
    }
}

/// Refuses metadata that is more than Swift takes.
pub(super) fn check(headers: &HeaderMap, owner: Owner) -> Outcome<()> {
    let refused = |text: String| Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    let (mut entries, mut bytes) = (0, 0);
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(owner.prefix()) else { continue };
        if name.is_empty() {
            return refused("Metadata name cannot be empty".to_owned());
        }
        if name.len() > LONGEST_NAME {
            return refused(format!("Metadata name too long: {}{name}", owner.prefix()));
        }
        if value.len() > LONGEST_VALUE {
            return refused(format!("Metadata value longer than {LONGEST_VALUE}: {}{name}", owner.prefix()));
        }
        (entries, bytes) = (entries + 1, bytes + name.len() + value.len());
    }
    if entries > MOST_ENTRIES {
        return refused(format!("Too many metadata items; max {MOST_ENTRIES}"));
    }
    if bytes > MOST_BYTES {
        return refused(format!("Total metadata too large; max {MOST_BYTES}"));
    }
    Ok(())
}

/// Changes what an account or a container has: what isn't named stays, and what is empty or to be removed goes.
pub(super) fn merge(metadata: &mut HeaderMap, headers: &HeaderMap, owner: Owner) {
    for (name, value) in headers {
        if let Some(removed) = name.as_str().strip_prefix(owner.removing()) {
            let what = owner.removing().replace("x-remove-", "x-");
            if let Ok(removed) = HeaderName::try_from(format!("{what}{removed}")) {
                metadata.remove(removed);
            }
        } else if owner.keeps(name.as_str()) {
            if value.is_empty() {
                metadata.remove(name);
            } else {
                metadata.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Returns what an object has from now on.
pub(super) fn of_object(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, value)| Owner::Object.keeps(name.as_str()) && !value.is_empty());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn entries_are_added_changed_and_removed() {
        let mut metadata =
            headers(&[("x-container-meta-a", "1"), ("x-container-meta-b", "2"), ("x-container-read", ".r:*")]);
        let change = headers(&[
            ("x-container-meta-a", "3"),
            ("x-container-meta-b", ""),
            ("x-remove-container-read", "x"),
            ("x-remove-container-meta-z", "x"),
            ("x-account-meta-c", "4"),
        ]);
        merge(&mut metadata, &change, Owner::Container);
        assert_eq!(metadata, headers(&[("x-container-meta-a", "3")]));
    }

    #[test]
    fn an_object_has_what_was_said_last() {
        let said = [("x-object-meta-a", "1"), ("content-encoding", "gzip"), ("x-auth-token", "t"), ("etag", "e")];
        assert_eq!(of_object(&headers(&said)), headers(&said[..2]));
    }

    #[test]
    fn too_much_is_refused() {
        let (long, longer) = ("v".repeat(256), "v".repeat(257));
        let name = |length: usize| format!("x-object-meta-{}", "n".repeat(length));
        assert!(check(&headers(&[(name(128).as_str(), long.as_str())]), Owner::Object).is_ok());
        for (name, value) in [(name(129), &long), (name(1), &longer), (name(0), &long)] {
            assert_eq!(check(&headers(&[(name.as_str(), value.as_str())]), Owner::Object).unwrap_err().status, 400);
        }
        let many = |count: usize, value: &str| -> HeaderMap {
            let name = |index| format!("x-object-meta-{index}").parse::<HeaderName>().unwrap();
            (0..count).map(|index| (name(index), value.parse().unwrap())).collect()
        };
        assert!(check(&many(90, "v"), Owner::Object).is_ok());
        assert!(check(&many(91, "v"), Owner::Object).is_err());
        assert!(check(&many(20, &long), Owner::Object).is_err());
    }
}
