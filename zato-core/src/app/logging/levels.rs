use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::{Metadata, Subscriber, callsite, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{Layer, filter::Targets, layer::Context};

/// Levels that can be changed while the program runs.
///
/// What each line and span of the program may do is asked once and remembered by tracing, until a change has all of it
/// asked again; tracing-subscriber's own reloadable filter takes a lock at every span besides.
#[derive(Clone)]
pub(super) struct Levels(Arc<ArcSwap<Targets>>);

impl Levels {
    pub(super) fn new(targets: Targets) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(targets)))
    }

    pub(super) fn change(&self, targets: Targets) {
        self.0.store(Arc::new(targets));
        callsite::rebuild_interest_cache();
    }
}

impl<S: Subscriber> Layer<S> for Levels {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.load().would_enable(metadata.target(), metadata.level()) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.load().would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let targets = self.0.load();
        let default = targets.default_level();
        targets.iter().map(|(_, level)| level).chain(default).max()
    }
}
