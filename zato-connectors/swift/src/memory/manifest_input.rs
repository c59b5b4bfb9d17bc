//! Manifests as they are put: what they ask for, checked by itself and against what is there.

use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    answer::{Outcome, Refusal},
    conditions,
    ranges::{Wanted, wanted},
    request::Place,
    segment::Segment,
    store::Object,
};

/// The most segments, and the most bytes of a manifest, as in Swift (`max_manifest_segments`, `max_manifest_size`).
const MOST_SEGMENTS: usize = 1000;
const MOST_BYTES: usize = 8 << 20;

/// A segment that is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// `/container/name`
    pub(super) path: String,
    etag: Option<String>,
    size: Option<u64>,
    range: Option<String>,
}

/// Reads a manifest that is put to a place.
pub(super) fn parse(place: &Place, body: &[u8]) -> Outcome<Vec<Asked>> {
    let refused = |text: &'static str| Refusal::new(StatusCode::BAD_REQUEST, text);
    if body.len() > MOST_BYTES {
        let text = format!("Manifest File > {MOST_BYTES} bytes");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let manifest: Value = serde_json::from_slice(body).map_err(|_| refused("Manifest must be valid JSON.\n"))?;
    let manifest = manifest.as_array().ok_or_else(|| refused("Manifest must be a list.\n"))?;
    let (mut all, mut faults) = (Vec::new(), String::new());
    for (index, entry) in manifest.iter().enumerate() {
        match Asked::read(place, entry, index + 1 == manifest.len()) {
            Ok(asked) => all.push(asked),
            Err(fault) => faults.push_str(&format!("Index {index}: {fault}\n")),
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, faults));
    }
    if all.len() > MOST_SEGMENTS {
        let text = format!("Number of object-backed segments must be <= {MOST_SEGMENTS}");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(all)
}

impl Asked {
    fn read(place: &Place, entry: &Value, is_last: bool) -> Result<Self, &'static str> {
        let entry = entry.as_object().ok_or("not a JSON object")?;
        let path = entry.get("path").ok_or("expected keys to include one of 'path' or 'data'")?;
        if entry.keys().any(|key| !matches!(key.as_str(), "path" | "etag" | "size_bytes" | "range")) {
            return Err("extraneous keys");
        }
        let path = path.as_str().ok_or("\"path\" must be a string")?;
        let to = Place::read(&place.account, path);
        let to = to.ok_or("path does not refer to an object. Path must be of the form /container/object.")?;
        if to == *place {
            return Err("manifest must not include itself as a segment");
        }
        let size = size(entry)?;
        if size == Some(0) && !is_last {
            return Err("too small; each segment must be at least 1 byte.");
        }
        let etag = text(entry, "etag").map_err(|()| "\"etag\" must be a string or null (if provided)")?;
        let range = text(entry, "range").map_err(|()| "invalid range")?.filter(|range| !range.is_empty());
        if range.as_ref().is_some_and(|range| range.contains(',')) {
            return Err("multiple ranges (only one allowed)");
        }
        Ok(Self { path: to.to_string(), etag, size, range })
    }

    /// Returns the segment, or all that doesn't fit.
    pub(super) fn check(&self, object: &Object, is_last: bool) -> Result<Segment, Vec<&'static str>> {
        let mut problems = Vec::new();
        let bytes = object.length();
        let mut range = None;
        if let Some(asked) = &self.range {
            match wanted(Some(&format!("bytes={asked}")), bytes) {
                Wanted::Part(first, last) => range = Some((first, last)).filter(|_| last - first + 1 < bytes),
                Wanted::Whole | Wanted::Nothing => problems.push("Unsatisfiable Range"),
            }
        }
        if bytes == 0 && !is_last {
            problems.push("Too small; each segment must be at least 1 byte.");
        }
        if self.size.is_some_and(|size| size != bytes) {
            problems.push("Size Mismatch");
        }
        if self.etag.as_deref().is_some_and(|etag| conditions::bare(etag) != object.etag) {
            problems.push("Etag Mismatch");
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Segment {
            path: self.path.clone(),
            etag: object.etag.clone(),
            bytes,
            range,
            content_type: String::from_utf8_lossy(object.content_type.as_bytes()).into_owned(),
            last_modified: object.stamp.iso(),
            is_manifest: object.manifest().is_some(),
        })
    }
}

/// Reads a size, which may be written as a text, too.
fn size(entry: &Map<String, Value>) -> Result<Option<u64>, &'static str> {
    let size = match entry.get("size_bytes") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(size)) => size.trim().parse().ok(),
        Some(size) => size.as_u64(),
    };
    size.map(Some).ok_or("invalid size_bytes")
}

fn text(entry: &Map<String, Value>, key: &str) -> Result<Option<String>, ()> {
    match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(manifest: &str) -> Outcome<Vec<Asked>> {
        parse(&Place::read("a", "/c/o").unwrap(), manifest.as_bytes())
    }

    #[test]
    fn sizes_are_numbers_or_texts() {
        let manifest = r#"[{"path": "s/1", "size_bytes": "12", "etag": null}, {"path": "/s/2", "size_bytes": 0}]"#;
        let asked = parsed(manifest).unwrap();
        assert_eq!((asked[0].size, asked[1].size, asked[0].path.as_str()), (Some(12), Some(0), "/s/1"));
    }

    #[test]
    fn all_faults_are_told() {
        let manifest = r#"[1, {"etag": "x"}, {"path": "/s/1", "size_bytes": 0}, {"path": "/s/1", "range": "1-2,3-4"}]"#;
        let refusal = parsed(manifest).unwrap_err();
        let said = "Index 0: not a JSON object\nIndex 1: expected keys to include one of 'path' or 'data'\n\
                    Index 2: too small; each segment must be at least 1 byte.\n\
                    Index 3: multiple ranges (only one allowed)\n";
        assert_eq!((refusal.status, refusal.text.as_ref()), (StatusCode::BAD_REQUEST, said));
        assert_eq!(parsed("[").unwrap_err().text, "Manifest must be valid JSON.\n");
    }
}
