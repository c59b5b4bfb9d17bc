use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, Error as _, MapAccess, Visitor},
};

/// What Zato hands to its client as `os_options`: lines of `key=value`, or a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CustomOptions {
    pub(crate) region: Option<String>,
    pub(crate) interface: Option<String>,
    pub(crate) service_type: Option<String>,
    pub(crate) tenant_name: Option<String>,
    pub(crate) project_id: Option<String>,
    pub(crate) user_domain: Option<String>,
    pub(crate) project_domain: Option<String>,
    pub(crate) storage_url: Option<String>,
}

/// The keys that are known, as python-swiftclient knows them.
const KNOWN: &str = "region_name, endpoint_type, service_type, project_name, project_id, user_domain_name, \
                     project_domain_name, object_storage_url";

impl CustomOptions {
    fn put(&mut self, key: &str, value: &str) -> Result<(), String> {
        let place = match key {
            "region_name" | "region" => &mut self.region,
            "endpoint_type" | "interface" => &mut self.interface,
            "service_type" => &mut self.service_type,
            "project_name" | "tenant_name" => &mut self.tenant_name,
            "project_id" | "tenant_id" => &mut self.project_id,
            "user_domain_name" => &mut self.user_domain,
            "project_domain_name" => &mut self.project_domain,
            "object_storage_url" => &mut self.storage_url,
            _ => return Err(format!("unknown option \"{key}\"; known are {KNOWN}")),
        };
        if place.is_some() {
            return Err(format!("the option \"{key}\" stands here twice"));
        }
        *place = Some(value.to_owned()).filter(|value| !value.is_empty());
        Ok(())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.split_once('=').ok_or_else(|| {
                format!("expected lines of key=value, such as region_name=RegionOne, found \"{line}\"")
            })?;
            options.put(key.trim(), value.trim())?;
        }
        Ok(options)
    }
}

impl<'de> Deserialize<'de> for CustomOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Options;

        impl<'de> Visitor<'de> for Options {
            type Value = CustomOptions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lines of key=value, or a map")
            }

            fn visit_unit<E: de::Error>(self) -> Result<CustomOptions, E> {
                Ok(CustomOptions::default())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<CustomOptions, E> {
                CustomOptions::parse(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CustomOptions, A::Error> {
                let entries =
                    BTreeMap::<String, Option<String>>::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let mut options = CustomOptions::default();
                for (key, value) in entries {
                    options.put(&key, &value.unwrap_or_default()).map_err(A::Error::custom)?;
                }
                Ok(options)
            }
        }
        deserializer.deserialize_any(Options)
    }
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(text: &str) -> Result<CustomOptions, String> {
        from_node(&yaml::parse("zato.yaml", text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn lines_and_maps_say_the_same() {
        let expected = CustomOptions {
            region: Some("RegionOne".to_owned()),
            tenant_name: Some("bank".to_owned()),
            ..CustomOptions::default()
        };
        assert_eq!(read("\"# ours\\nregion_name = RegionOne\\n\\nproject_name=bank\"").unwrap(), expected);
        assert_eq!(read("{region_name: RegionOne, tenant_name: bank}").unwrap(), expected);
        for none in ["''", "~", "{region_name: '', tenant_name: ~}"] {
            assert_eq!(read(none).unwrap(), CustomOptions::default(), "{none}");
        }
        assert!(read("regio_name=a").unwrap_err().contains("unknown option \"regio_name\"; known are region_name"));
        assert!(read("region_name").unwrap_err().contains("expected lines of key=value"));
        assert!(read("\"region=a\\nregion_name=b\"").unwrap_err().contains("twice"));
    }
}
