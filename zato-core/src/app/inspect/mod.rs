//! The app as operators see it.

mod config;
mod graph;
mod metrics;
mod process;

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::engine::Shared;
use crate::{
    ambient::Ambient,
    inspect::{Inspect, Phase, Readiness, StaleConfig},
    metrics::Exposition,
};

/// A view of an app that channels hold; weak, since the app holds its channels.
pub(super) struct Inspector {
    /// Empty until the first configuration is in force.
    shared: OnceLock<Weak<Shared>>,
    stopping: OnceLock<DateTime<Utc>>,
    pub(super) reloads: Reloads,
}

/// What became of configurations that were applied while the app ran.
#[derive(Default)]
pub(super) struct Reloads {
    applied: AtomicU64,
    refused: AtomicU64,
    /// When the configuration that is in force was applied, in milliseconds since 1970.
    last: AtomicU64,
}

impl Reloads {
    pub(super) fn applied(&self, ambient: &Ambient) {
        self.applied.fetch_add(1, Ordering::Relaxed);
        self.began(ambient);
    }

    /// Notes when the first configuration was applied, which is no reload.
    pub(super) fn began(&self, ambient: &Ambient) {
        let now = u64::try_from(ambient.now().timestamp_millis()).unwrap_or(0);
        self.last.store(now, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl Inspector {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { shared: OnceLock::new(), stopping: OnceLock::new(), reloads: Reloads::default() })
    }

    /// Takes the app, once its first configuration is in force.
    pub(super) fn attach(&self, shared: &Arc<Shared>) {
        let _ = self.shared.set(Arc::downgrade(shared));
    }

    /// Says from now on that the app is stopping.
    pub(super) fn stopping(&self, since: DateTime<Utc>) {
        let _ = self.stopping.set(since);
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.get()?.upgrade()
    }

    fn phase(&self) -> Phase {
        match (self.shared.get(), self.stopping.get()) {
            (_, Some(since)) => Phase::Stopping { since: *since },
            (Some(_), None) => Phase::Running,
            (None, None) => Phase::Starting,
        }
    }
}

impl Inspect for Inspector {
    fn readiness(&self) -> Readiness {
        let Some(shared) = self.shared() else { return Readiness::new(self.phase(), 0, Vec::new()) };
        let current = shared.current.load();
        let readiness = Readiness::new(self.phase(), current.number, shared.statuses());
        readiness.with_stale(shared.stale.files()).with_background(shared.app.background.active())
    }

    fn metrics(&self) -> String {
        let mut exposition = Exposition::default();
        if let Some(shared) = self.shared() {
            metrics::of_app(&mut exposition, &shared);
            for channel in &shared.app.channels {
                channel.metrics(&mut exposition);
            }
        }
        metrics::of_reloads(&mut exposition, &self.reloads);
        metrics::of_runtime(&mut exposition);
        process::add(&mut exposition);
        exposition.to_string()
    }

    fn config(&self) -> Value {
        let last = i64::try_from(self.reloads.last.load(Ordering::Relaxed)).ok();
        let applied = last.and_then(DateTime::from_timestamp_millis).map(|time| time.to_rfc3339());
        let Some(shared) = self.shared() else { return json!({"generation": 0}) };
        let current = shared.current.load();
        let mut config = json!({
            "app": shared.app.name,
            "generation": current.number,
            "applied": applied,
            "sections": config::masked(&current.document, &shared.app.config_schema()),
            "user_config": current.user.names().collect::<Vec<_>>(),
        });
        let stale: Vec<Value> = shared.stale.files().iter().map(StaleConfig::to_json).collect();
        if let (false, Some(members)) = (stale.is_empty(), config.as_object_mut()) {
            members.insert("user_config_stale".to_owned(), stale.into());
        }
        config
    }

    fn graph(&self) -> Value {
        self.shared().map_or_else(|| json!({"generation": 0}), |shared| graph::of(&shared))
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").field("phase", &self.phase()).finish_non_exhaustive()
    }
}
