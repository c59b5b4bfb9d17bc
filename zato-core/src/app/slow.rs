//! From when on a request is slow.

use std::{collections::BTreeMap, time::Duration};

use super::entries;
use crate::config::{self, ConfigFault, ConfigFaults, Document, ServerConfig, ServiceConfig, listing};

/// From when on requests of each service are slow.
pub(super) struct SlowThresholds {
    default: Duration,
    of_services: BTreeMap<String, Duration>,
}

impl SlowThresholds {
    /// Reads the section `service`, whose entries must all be services of the app.
    pub(super) fn read(
        document: &Document,
        server: &ServerConfig,
        services: &[&str],
        faults: &mut ConfigFaults,
    ) -> Self {
        let entries = entries::read::<ServiceConfig>(document, ServiceConfig::SECTION.name, &[], faults);
        let mut of_services = BTreeMap::new();
        for entry in entries {
            if !services.contains(&entry.name) {
                let origin = entry.node.get("name").map_or(&entry.node.origin, |node| &node.origin);
                faults.push(ConfigFault::at(origin, listing("service", entry.name, services.iter().copied())));
            }
            if let Some(threshold) = entry.config.slow_threshold {
                of_services.insert(entry.name.to_owned(), meant(threshold));
            }
        }
        Self { default: meant(server.slow_threshold), of_services }
    }

    pub(super) fn of(&self, service: &str) -> Duration {
        self.of_services.get(service).copied().unwrap_or(self.default)
    }
}

/// Nothing takes as long as the longest duration: that is how a request pays a comparison, and not a look whether there
/// is a threshold at all.
fn meant(threshold: config::Duration) -> Duration {
    if threshold.is_zero() { Duration::MAX } else { threshold.0 }
}
