use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, de};

/// A container, as it stands in the listing of an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ContainerEntry {
    /// Its name.
    pub name: String,
    /// How many objects it has.
    #[serde(rename = "count")]
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// When it was changed, by the server's clock.
    #[serde(default, deserialize_with = "moment")]
    pub last_modified: Option<DateTime<Utc>>,
}

/// What stands in the listing of a container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Listed {
    /// What objects have in common that a delimiter has folded into one: their names up to it, with it.
    Prefix {
        /// Such as `2026/` with the delimiter `/`.
        #[serde(rename = "subdir")]
        prefix: String,
    },
    /// An object.
    Object(ObjectEntry),
}

/// An object, as it stands in the listing of a container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ObjectEntry {
    /// Its name.
    pub name: String,
    /// The MD5 of what is in it, in hexadecimal; of a large object that of its manifest.
    #[serde(rename = "hash")]
    pub etag: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is.
    #[serde(default)]
    pub content_type: String,
    /// When it was stored, by the server's clock.
    #[serde(default, deserialize_with = "moment")]
    pub last_modified: Option<DateTime<Utc>>,
}

/// What has a place in a listing.
pub trait Entry: de::DeserializeOwned + Send + 'static {
    /// Returns what a listing goes on after.
    fn marker(&self) -> &str;
}

impl Entry for ContainerEntry {
    fn marker(&self) -> &str {
        &self.name
    }
}

impl Entry for Listed {
    fn marker(&self) -> &str {
        match self {
            Self::Prefix { prefix } => prefix,
            Self::Object(object) => &object.name,
        }
    }
}

/// Swift writes moments without a zone, which is UTC.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let read = text.trim_end_matches('Z').parse::<NaiveDateTime>();
    read.map(|moment| Some(moment.and_utc())).map_err(|_| de::Error::custom(format_args!("\"{text}\" is no moment")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_has_objects_and_what_they_have_in_common() {
        let text = r#"[{"subdir": "2026/"}, {"name": "a", "hash": "0cc1", "bytes": 3, "content_type": "text/plain",
            "last_modified": "2026-11-23T00:58:55.123450"}]"#;
        let entries: Vec<Listed> = serde_json::from_str(text).unwrap();
        assert_eq!(entries[0], Listed::Prefix { prefix: "2026/".to_owned() });
        let Listed::Object(object) = &entries[1] else { panic!("{entries:?}") };
        assert_eq!(object.last_modified.unwrap().to_rfc3339(), "2026-11-23T00:58:55.123450+00:00");
        assert_eq!(entries.iter().map(Entry::marker).collect::<Vec<_>>(), ["2026/", "a"]);
    }
}
