//! What an entry of the section means to a consumer.

use std::{sync::Arc, time::Duration};

use zato_core::{
    ambient::Ambient,
    channel::{Inlet, broker::Policies},
    config::ServerConfig,
    message::ChannelInfo,
};

use super::{mark::Deed, pattern::Pattern, store::Store};
use crate::{
    Swift,
    config::{AfterSuccess, SwiftChannelConfig},
};

/// What a consumer is made of.
#[derive(Debug)]
pub struct Consuming {
    pub(super) terms: Terms,
    pub(super) route: Route,
    pub(super) ambient: Ambient,
    /// The app's name, which a process is known by among others.
    pub(super) app: String,
}

/// What containers are polled by: if nothing of it has changed, a consumer goes on.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The name of the connection, for the log.
    pub(super) connection: String,
    pub(super) store: Store,
    pub(super) containers: Vec<Arc<str>>,
    pub(super) prefix: String,
    pub(super) interval: Duration,
    pub(super) min_age: Duration,
    pub(super) lease: Duration,
    /// How many objects are in work at once.
    pub(super) places: usize,
}

/// What is done with each object: swapped in for those that come next.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) info: Arc<ChannelInfo>,
    pub(super) inlet: Inlet,
    pub(super) name_pattern: Pattern,
    /// Whose content is read; `None` for nobody's.
    pub(super) data_pattern: Option<Pattern>,
    pub(super) max_message_size: usize,
    pub(super) policies: Policies,
    pub(super) after: After,
    dead_letter: Option<String>,
    /// Whether objects of several containers go to the same dead letters.
    is_shared_grave: bool,
    /// Whether objects of several containers are polled, which may have the same names.
    has_several: bool,
}

/// What becomes of an object that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Delete,
    Move { container: String, prefix: String },
}

impl Terms {
    pub(super) fn of(config: &SwiftChannelConfig, swift: Swift) -> Self {
        Self {
            connection: config.connection.clone(),
            store: Store::new(swift, &config.state(), &config.shown_name()),
            containers: config.containers.iter().map(|container| container.as_str().into()).collect(),
            prefix: config.prefix.clone().unwrap_or_default(),
            interval: config.interval.0,
            min_age: config.min_age.0,
            lease: config.lease.0,
            places: config.pool_size,
        }
    }

    /// Returns whether nothing has changed.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let rest = |it: &Self| (it.interval, it.min_age, it.lease, it.places);
        let is_same_list = self.containers == other.containers && self.prefix == other.prefix;
        self.store.is_same(&other.store) && is_same_list && rest(self) == rest(other)
    }
}

impl Route {
    pub(super) fn of(config: &SwiftChannelConfig, server: &ServerConfig, inlet: Inlet) -> Self {
        let mut info = ChannelInfo::new("swift", config.name.as_str(), config.service.as_str());
        info.format = config.data_format;
        info.options.xml = config.xml.clone();
        info.options.csv = config.csv.clone();
        info.route = Some(config.containers.join(", "));
        info.broker = Some("swift");
        info.timeout = config.timeout.unwrap_or(server.request_timeout).0;
        let data_pattern = config.get_data.then(|| config.get_data_patt.as_deref().unwrap_or("*"));
        Self {
            info: Arc::new(info),
            inlet,
            name_pattern: Pattern::new(&config.name_pattern),
            data_pattern: data_pattern.map(Pattern::new),
            max_message_size: config.max_message_size.unwrap_or(server.max_body_size).as_usize(),
            policies: Policies::of(config.policies()),
            after: After::of(config),
            dead_letter: config.dead_letter.clone(),
            is_shared_grave: config.dead_letter.is_some() && config.containers.len() > 1,
            has_several: config.containers.len() > 1,
        }
    }

    /// Returns what an object is called where it is moved to.
    pub(super) fn moved(&self, prefix: &str, container: &str, name: &str) -> String {
        if self.has_several { format!("{prefix}{container}/{name}") } else { format!("{prefix}{name}") }
    }

    /// Returns where an object goes that is given up: the container, and its name there.
    pub(super) fn dead_letter(&self, container: &str, name: &str) -> (String, String) {
        let to = self.dead_letter.clone().unwrap_or_else(|| format!("{container}_dead"));
        (to, if self.is_shared_grave { format!("{container}/{name}") } else { name.to_owned() })
    }
}

impl After {
    fn of(config: &SwiftChannelConfig) -> Self {
        match (config.after_success, &config.move_to) {
            (AfterSuccess::Delete, _) => Self::Delete,
            (AfterSuccess::Move, Some(container)) => {
                Self::Move { container: container.clone(), prefix: config.move_prefix.clone().unwrap_or_default() }
            }
            _ => Self::Keep,
        }
    }

    /// Returns what is done with an object that was served.
    pub(super) fn deed(&self) -> Option<Deed> {
        match self {
            Self::Keep => None,
            Self::Delete => Some(Deed::Delete),
            Self::Move { .. } => Some(Deed::Move),
        }
    }

    /// Returns whether what was to be done is to be done still, as the channel is configured now.
    pub(super) fn wants(&self, deed: Deed) -> bool {
        match deed {
            Deed::Delete => *self == Self::Delete,
            Deed::Move => matches!(self, Self::Move { .. }),
            // That is what a dead letter leaves, whose copy is elsewhere.
            Deed::Unlink => *self != Self::Keep,
        }
    }
}
