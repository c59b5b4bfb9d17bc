//! What an entry can't mean, by key.

use zato_core::channel::broker::BrokerConfig;

use super::{AfterSuccess, SwiftChannelConfig};
use crate::name;

/// The longest name of a channel, as it stands in the names of objects that are remembered by, in bytes: the name of a container
/// and a checksum have to fit beside it.
const MAX_NAME: usize = 256;

/// A key, whether it is wrong, and what is wrong with it.
type Fault = (&'static str, bool, &'static str);

impl BrokerConfig for SwiftChannelConfig {
    fn contradictions(&self) -> Vec<(&'static str, String)> {
        let found = self.out_of_range().into_iter().chain(self.of_places()).filter(|fault| fault.1);
        let found = found.map(|(key, _, words)| (key, words.to_owned()));
        let found = found.chain(self.names()).chain(self.policies().contradictions("CRM_dead"));
        found.chain(self.csv.fault().map(|words| ("csv", words))).collect()
    }
}

impl SwiftChannelConfig {
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
}

fn has_twice(names: &[String]) -> bool {
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() < names.len()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::read, *};

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
