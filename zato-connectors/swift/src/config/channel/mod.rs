mod contradictions;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{
    channel::{
        ChannelConfig,
        broker::{FailurePolicy, PolicyConfig, RetryDelay, data_format},
    },
    config::{ByteSize, Duration},
    message::{CsvOptions, Format, XmlOptions},
};

use super::{OUTGOING, defaults, text, yes};
use crate::name;

/// One entry of `channel_swift`: containers whose new and changed objects a service is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SwiftChannelConfig {
    /// What logs refer to it by. What it remembers is remembered under this name.
    pub name: String,
    /// An inactive channel asks for nothing.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// The connection, in `outgoing_swift`, whose account has the containers.
    #[serde(alias = "conn_name", alias = "outconn_name")]
    pub connection: String,
    /// The containers: one, or a list.
    #[serde(alias = "container", deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub containers: Vec<String>,
    /// What the names of objects begin with; the server lists no others.
    #[serde(default, deserialize_with = "text")]
    pub prefix: Option<String>,
    /// What the names of objects look like, with `*` for any characters, slashes too, and `?` for one.
    #[serde(default = "any")]
    pub name_pattern: String,
    /// How long after a listing the next one is asked for.
    #[serde(default = "defaults::five_seconds")]
    pub interval: Duration,
    /// How old an object is at the least, by the server's clock; one that is younger is left for later.
    #[serde(default = "no_time")]
    pub min_age: Duration,
    /// The service that is given each object.
    #[serde(alias = "service_name")]
    pub service: String,
    /// How objects are read.
    #[serde(default, deserialize_with = "data_format")]
    pub data_format: Format,
    /// What is asked of XML.
    #[serde(default)]
    pub xml: XmlOptions,
    /// How CSV is read.
    #[serde(default)]
    pub csv: CsvOptions,
    /// Whether the service is given what is in an object. If not, it is given what is known of it, and an empty payload.
    #[serde(default = "yes")]
    pub get_data: bool,
    /// What the names of those objects look like whose content is read; of all unless given.
    #[serde(default, deserialize_with = "text")]
    pub get_data_patt: Option<String>,
    /// How many objects are in work at once. With one they come in the order of their names.
    #[serde(default = "one", alias = "concurrency")]
    pub pool_size: usize,
    /// How long the service may take; `server.request_timeout` unless given.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// The largest object that is handed to the service as a whole; a larger one is a bad input. `server.max_body_size` unless
    /// given. A service that takes `Raw` reads objects of any size piece by piece.
    #[serde(default)]
    pub max_message_size: Option<ByteSize>,
    /// What becomes of an object that was served.
    #[serde(default)]
    pub after_success: AfterSuccess,
    /// The container that objects are moved to with `after_success: move`.
    #[serde(default, deserialize_with = "text")]
    pub move_to: Option<String>,
    /// What is put before the names of objects that are moved; if there are several containers, the one that an object comes from
    /// follows, with a slash.
    #[serde(default, deserialize_with = "text")]
    pub move_prefix: Option<String>,
    /// What happens to an object that can't be used: one that can't be read, or that the service refuses as its caller's fault.
    /// `dead_letter` unless given.
    #[serde(default)]
    pub on_bad_input: Option<FailurePolicy>,
    /// What happens to an object whose service failed otherwise.
    #[serde(default)]
    pub on_error: FailurePolicy,
    /// What happens to an object that has been tried `max_attempts` times. `dead_letter` unless given.
    #[serde(default)]
    pub on_exhausted: Option<FailurePolicy>,
    /// How long an object waits before it comes again; of a list, each time the next. `0` brings it back with the next second.
    #[serde(default)]
    pub retry_delay: RetryDelay,
    /// How often an object is tried; 10 times unless given. One whose process has ended meanwhile was tried.
    #[serde(default)]
    pub max_attempts: Option<u32>,
    /// The container that objects are copied to that are given up, with the reason; that of the object with `_dead` behind it
    /// unless given.
    #[serde(default, deserialize_with = "text")]
    pub dead_letter: Option<String>,
    /// The container in which the channel remembers what it has served; `zato_` and its name unless given. It is made if it is
    /// not there.
    #[serde(default, deserialize_with = "text")]
    pub state: Option<String>,
    /// How long a container is left alone by other processes after a sign of life of the one that polls it, from 5 seconds on.
    #[serde(default = "defaults::thirty_seconds")]
    pub lease: Duration,
}

/// What becomes of an object that was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AfterSuccess {
    /// It stays where it is, and is remembered.
    #[default]
    Keep,
    /// It is deleted, and of a large one its segments.
    Delete,
    /// It goes to the container `move_to`.
    Move,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl SwiftChannelConfig {
    /// Returns the container that what was served is remembered in.
    pub(crate) fn state(&self) -> String {
        if let Some(state) = &self.state {
            return state.clone();
        }
        let mut name = "zato_".to_owned();
        for character in self.name.chars() {
            let kept = if character.is_control() || character == '/' { '_' } else { character };
            if name.len() + kept.len_utf8() > name::CONTAINER {
                break;
            }
            name.push(kept);
        }
        name
    }

    /// Returns where objects of a container go that are given up.
    pub(crate) fn dead_letter(&self, container: &str) -> String {
        self.dead_letter.clone().unwrap_or_else(|| format!("{container}_dead"))
    }

    /// Returns the name as it stands in the names of objects: without a slash, which separates it from the rest.
    pub(crate) fn shown_name(&self) -> String {
        name::segment(&self.name)
    }

    /// What becomes of objects that were not served.
    pub(crate) fn policies(&self) -> PolicyConfig {
        PolicyConfig {
            on_bad_input: self.on_bad_input,
            on_error: self.on_error,
            on_exhausted: self.on_exhausted,
            retry_delay: self.retry_delay.clone(),
            max_attempts: self.max_attempts,
            has_dead_letter: true,
        }
    }
}

impl ChannelConfig for SwiftChannelConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((OUTGOING.name, &self.connection))
    }

    fn is_active(&self) -> bool {
        self.is_active
    }
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let written = OneOrMore::deserialize(deserializer)
        .map_err(|_| de::Error::custom("expected the name of a container, or a list of them"))?;
    Ok(match written {
        OneOrMore::One(name) if name.is_empty() => Vec::new(),
        OneOrMore::One(name) => vec![name],
        OneOrMore::More(names) => names,
    })
}

fn any() -> String {
    "*".to_owned()
}

fn one() -> usize {
    1
}

fn no_time() -> Duration {
    Duration::from_secs(0)
}

#[cfg(test)]
mod tests {
    use zato_core::{
        channel::broker::BrokerConfig as _,
        config::{from_node, yaml},
    };

    use super::*;

    pub(super) fn read(more: &str) -> Result<SwiftChannelConfig, String> {
        let containers = if more.contains("container") { "" } else { "containers: CRM, " };
        let text = format!("{{name: invoices, connection: Store, service: invoice.take, {containers}{more}}}");
        from_node(&yaml::parse("zato.yaml", &text).unwrap()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_left_out_loses_nothing() {
        let config = read("").unwrap();
        assert_eq!((config.containers.as_slice(), config.name_pattern.as_str()), (&["CRM".to_owned()][..], "*"));
        assert_eq!((config.state().as_str(), config.dead_letter("CRM").as_str()), ("zato_invoices", "CRM_dead"));
        assert_eq!((config.pool_size, config.interval.as_secs(), config.lease.as_secs()), (1, 5, 30));
        assert!(config.get_data && config.after_success == AfterSuccess::Keep && config.min_age.is_zero());
        assert_eq!(config.over(), Some(("outgoing_swift", "Store")));
        assert!(config.contradictions().is_empty());
        assert_eq!(read("container: [CRM, Billing]").unwrap().containers, ["CRM", "Billing"]);
    }

    #[test]
    fn the_container_that_is_remembered_in_has_a_name_that_it_may_have() {
        let mut config = read("").unwrap();
        config.name = "in/voices\n".to_owned();
        assert_eq!((config.state().as_str(), config.shown_name().as_str()), ("zato_in_voices_", "in%2Fvoices%0A"));
        config.name = "ż".repeat(200);
        assert_eq!(config.state().len(), 255, "no character is cut in two");
    }
}
