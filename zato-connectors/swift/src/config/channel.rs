use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use zato_core::{
    channel::{
        ChannelConfig,
        broker::{FailurePolicy, PolicyConfig, RetryDelay},
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
    #[serde(default, deserialize_with = "format")]
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

/// The longest name of a channel, as it stands in the names of objects that are remembered by, in bytes: the name of a container
/// and a checksum have to fit beside it.
const MAX_NAME: usize = 256;

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

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

    /// Returns what can't be meant, by key.
    pub(crate) fn contradictions(&self) -> Vec<(&'static str, String)> {
        let found = self.out_of_range().into_iter().chain(self.of_places()).filter(|fault| fault.1);
        let found = found.map(|(key, _, words)| (key, words.to_owned()));
        found.chain(self.names()).chain(self.policies().contradictions("CRM_dead")).collect()
    }

    fn out_of_range(&self) -> Vec<Fault> {
        vec![
            ("name", self.shown_name().len() > MAX_NAME, "it is too long to remember by; 256 bytes are the most"),
            ("containers", self.containers.is_empty(), "there is none to poll; add one"),
            ("containers", self.containers.len() > 1000, "more than 1000 containers are too many for one channel"),
            (
                "pool_size",
                self.pool_size == 0,
                "without a place no object can be served; is_active: false switches it off",
            ),
            ("pool_size", self.pool_size > 1000, "more than 1000 objects at once are too many for one process"),
            (
                "interval",
                self.interval.0.as_millis() < 100,
                "the server would be asked without end; give it a second or two",
            ),
            ("interval", self.interval.as_secs() > 86_400, "a schedule is better for more than a day"),
            ("min_age", self.min_age.as_secs() > 86_400, "give it a day at the most"),
            (
                "lease",
                self.lease.as_secs() < 5,
                "others would take over what is in work; give it 30s, or 5s at the least",
            ),
            ("lease", self.lease.as_secs() > 86_400, "nobody would take over for as long; give it a day at the most"),
            (
                "timeout",
                self.timeout.is_some_and(|timeout| timeout.is_zero()),
                "no service takes no time; give it some",
            ),
            (
                "get_data_patt",
                self.get_data_patt.is_some() && !self.get_data,
                "get_data is false: nothing is read of any object; leave out one of them",
            ),
        ]
    }

    fn of_places(&self) -> Vec<Fault> {
        let is_polled = |container: &str| self.containers.iter().any(|polled| polled == container);
        let is_moving = self.after_success == AfterSuccess::Move;
        let state = self.state();
        let dies_here = self.containers.iter().any(|container| is_polled(&self.dead_letter(container)));
        let is_state = |container: Option<&str>| container == Some(state.as_str());
        vec![
            ("containers", has_twice(&self.containers), "one of them stands here twice; leave out one"),
            ("state", is_polled(&state), "the channel polls this container, and would serve what it remembers"),
            ("dead_letter", dies_here, "the channel polls this container, from where objects would come back for ever"),
            (
                "dead_letter",
                is_state(self.dead_letter.as_deref()),
                "the channel remembers in this container; choose another",
            ),
            (
                "move_to",
                is_moving && self.move_to.is_none(),
                "objects are to be moved, and nobody says where to; add a container",
            ),
            ("move_to", !is_moving && self.move_to.is_some(), "nothing is moved; add after_success: move"),
            ("move_prefix", !is_moving && self.move_prefix.is_some(), "nothing is moved; add after_success: move"),
            ("move_to", is_state(self.move_to.as_deref()), "the channel remembers in this container; choose another"),
            (
                "move_to",
                self.move_to.as_deref().is_some_and(is_polled) && !self.moves_apart(),
                "the channel polls this container, from where objects would come back for ever; a prefix and another \
                 move_prefix tell them apart",
            ),
        ]
    }

    /// Whether what is moved has no name that is listed.
    fn moves_apart(&self) -> bool {
        let (Some(listed), Some(moved)) = (&self.prefix, &self.move_prefix) else { return false };
        !listed.starts_with(moved.as_str()) && !moved.starts_with(listed.as_str())
    }

    /// Tells which containers can have no such name.
    fn names(&self) -> Vec<(&'static str, String)> {
        let state = self.state();
        let polled = self.containers.iter().map(|container| ("containers", container.as_str()));
        let others = [("state", Some(state.as_str())), ("dead_letter", self.dead_letter.as_deref())];
        let others = others.into_iter().chain([("move_to", self.move_to.as_deref())]);
        let all = polled.chain(others.filter_map(|(key, container)| Some((key, container?))));
        all.filter_map(|(key, container)| Some((key, name::container(container).err()?.message().to_owned()))).collect()
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

fn has_twice(names: &[String]) -> bool {
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() < names.len()
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

/// Zato writes an empty text where nobody chose a format.
fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let format = if text.is_empty() { Format::default() } else { text.parse().map_err(de::Error::custom)? };
    match format {
        Format::Soap => Err(de::Error::custom("SOAP is spoken by channel_soap; its payloads alone are xml")),
        Format::Negotiate => Err(de::Error::custom("nobody waits for a reply, so that there is nothing to negotiate")),
        format if !format.is_built_in() => Err(de::Error::custom(format_args!(
            "the format \"{format}\" was left out of this program; enable the feature of that name"
        ))),
        format => Ok(format),
    }
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
    use zato_core::config::{from_node, yaml};

    use super::*;

    fn read(more: &str) -> Result<SwiftChannelConfig, String> {
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

    #[test]
    fn what_can_not_be_meant_is_told_by_key() {
        let keys =
            |more: &str| read(more).unwrap().contradictions().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        for (more, key) in [
            ("containers: []", "containers"),
            ("containers: [a, b, a]", "containers"),
            ("containers: a/b", "containers"),
            ("pool_size: 0", "pool_size"),
            ("pool_size: 1001", "pool_size"),
            ("interval: 10ms", "interval"),
            ("interval: 25h", "interval"),
            ("min_age: 25h", "min_age"),
            ("lease: 4s", "lease"),
            ("lease: 25h", "lease"),
            ("timeout: 0", "timeout"),
            ("get_data: false, get_data_patt: '*.xml'", "get_data_patt"),
            ("state: CRM", "state"),
            ("state: a/b", "state"),
            ("dead_letter: CRM", "dead_letter"),
            ("dead_letter: zato_invoices", "dead_letter"),
            ("containers: [CRM, CRM_dead]", "dead_letter"),
            ("after_success: move", "move_to"),
            ("move_to: done", "move_to"),
            ("move_prefix: done/", "move_prefix"),
            ("after_success: move, move_to: CRM", "move_to"),
            ("after_success: move, move_to: CRM, prefix: new/, move_prefix: new/done/", "move_to"),
            ("after_success: move, move_to: zato_invoices", "move_to"),
            ("on_bad_input: requeue", "on_bad_input"),
            ("max_attempts: 0", "max_attempts"),
        ] {
            assert_eq!(keys(more), [key], "{more}");
        }
        for more in ["after_success: delete", "after_success: move, move_to: CRM, prefix: new/, move_prefix: done/"] {
            assert_eq!(keys(more), [""; 0], "{more}");
        }
        assert!(read("data_format: soap").unwrap_err().contains("channel_soap"));
        assert!(read("contaner: a").is_err() && read("containers: {a: b}").is_err());
    }
}
