//! The catalogue of services that Keystone gives to who has logged in.

use reqwest::Url;
use serde::Deserialize;
use zato_core::Result;

use crate::{config::Interface, error};

/// A service of the catalogue.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type", default)]
    service_type: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    interface: String,
    region: Option<String>,
    region_id: Option<String>,
    url: String,
}

impl Endpoint {
    fn region(&self) -> Option<&str> {
        self.region_id.as_deref().or(self.region.as_deref())
    }
}

/// Which endpoint is wanted.
pub(super) struct Wanted {
    pub(super) service_type: String,
    pub(super) interface: Interface,
    pub(super) region: Option<String>,
}

impl Wanted {
    /// Returns where the account is for everybody, if that is somewhere else, and the catalogue tells.
    pub(super) fn public(&self, catalogue: &[Entry]) -> Option<Url> {
        if self.interface == Interface::Public {
            return None;
        }
        self.find_at(Interface::Public, catalogue).ok()
    }

    /// Returns where the account is.
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) that says what the catalogue has instead; also if it has several regions, and
    /// none was named.
    pub(super) fn find(&self, catalogue: &[Entry]) -> Result<Url> {
        self.find_at(self.interface, catalogue)
    }

    fn find_at(&self, interface: Interface, catalogue: &[Entry]) -> Result<Url> {
        let services: Vec<_> = catalogue.iter().filter(|entry| entry.service_type == self.service_type).collect();
        if services.is_empty() {
            let known = listed(catalogue.iter().map(|entry| entry.service_type.as_str()));
            let wanted = &self.service_type;
            return Err(error::unexpected(format!(
                "the catalogue has no service of the type \"{wanted}\" for this project; it has {known}"
            )));
        }
        let endpoints = services.iter().flat_map(|entry| &entry.endpoints);
        let interface = interface.as_str();
        let of_interface: Vec<_> = endpoints.filter(|endpoint| endpoint.interface == interface).collect();
        let regions = listed(of_interface.iter().filter_map(|endpoint| endpoint.region()));
        let fits =
            |endpoint: &&&Endpoint| self.region.as_deref().is_none_or(|region| endpoint.region() == Some(region));
        let fitting: Vec<_> = of_interface.iter().filter(fits).collect();
        match (&*fitting, &self.region) {
            ([], _) if of_interface.is_empty() => {
                Err(error::unexpected(format!("the catalogue has no {interface} endpoint of object storage")))
            }
            ([], region) => {
                let region = region.as_deref().unwrap_or_default();
                Err(error::unexpected(format!("the catalogue has no region \"{region}\"; it has {regions}")))
            }
            ([first, rest @ ..], None) if rest.iter().any(|other| other.region() != first.region()) => Err(
                error::unexpected(format!("the catalogue has several regions; name one with \"region\": {regions}")),
            ),
            ([first, ..], _) => {
                first.url.parse().map_err(|_| error::unexpected("the endpoint of object storage is no address"))
            }
        }
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<Entry> {
        serde_json::from_value(serde_json::json!([
            { "type": "identity", "endpoints": [{ "interface": "public", "region_id": "One", "url": "http://id" }] },
            { "type": "object-store", "endpoints": [
                { "interface": "public", "region_id": "One", "region": "One", "url": "http://one/v1/AUTH_a" },
                { "interface": "internal", "region_id": "One", "region": "One", "url": "http://inner/v1/AUTH_a" },
                { "interface": "public", "region": "Two", "url": "http://two/v1/AUTH_a" }
            ] }
        ]))
        .unwrap()
    }

    fn find(interface: Interface, region: Option<&str>, service_type: &str) -> Result<String, String> {
        let wanted = Wanted { interface, region: region.map(Into::into), service_type: service_type.to_owned() };
        wanted.find(&catalogue()).map(Into::into).map_err(|error| error.report().to_string())
    }

    #[test]
    fn the_region_and_the_interface_decide() {
        let store = "object-store";
        assert_eq!(find(Interface::Public, Some("Two"), store).unwrap(), "http://two/v1/AUTH_a");
        assert_eq!(find(Interface::Internal, None, store).unwrap(), "http://inner/v1/AUTH_a");
        for (found, words) in [
            (find(Interface::Public, None, store), "several regions; name one with \"region\": One, Two"),
            (find(Interface::Public, Some("Three"), store), "no region \"Three\"; it has One, Two"),
            (find(Interface::Admin, None, store), "no admin endpoint of object storage"),
            (
                find(Interface::Public, None, "s3"),
                "no service of the type \"s3\" for this project; it has identity, object-store",
            ),
        ] {
            let error = found.unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
