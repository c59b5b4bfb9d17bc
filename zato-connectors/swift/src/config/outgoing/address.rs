use reqwest::Url;
use serde::{Deserialize as _, Deserializer, de};

use crate::config::text;

/// Reads the address of a server.
pub(crate) fn parsed(text: &str) -> Result<Url, &'static str> {
    let words = "expected an address, such as https://swift.example.com/auth/v1.0";
    let url: Url = text.parse().map_err(|_| words)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() || url.fragment().is_some()
    {
        return Err(words);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials don't belong here; write them as user and key");
    }
    Ok(url)
}

pub(super) fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    parsed(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

pub(super) fn optional_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    text(deserializer)?.map(|text| parsed(&text).map_err(de::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::{Interface, tests::read};

    #[test]
    fn what_is_no_version_or_address_is_refused_with_the_remedy() {
        assert!(read("auth_version: 2.0").unwrap_err().contains("Keystone has had no version 2 since 2018; write 3"));
        assert!(read("storage_url: swift").unwrap_err().contains("expected an address"));
        assert!(read("storage_url: 'http://u:p@swift/v1'").unwrap_err().contains("credentials don't belong here"));
        assert_eq!(read("interface: internalURL").unwrap().interface(), Interface::Internal);
        assert_eq!(read("custom_options: 'endpoint_type=adminURL'").unwrap().interface(), Interface::Admin);
    }
}
