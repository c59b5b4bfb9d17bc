//! Log lines on standard output, as the configuration says.

mod fields;
mod levels;
mod line;
mod rooted;

use std::fmt;

use tracing::warn;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::layer,
    prelude::*,
};

use self::{fields::BareFields, levels::Levels, line::Line, rooted::Rooted};
use crate::{
    config::{LogConfig, LogFormat},
    layer::trace,
};

/// The logs of a program that [`run`](super::App::run)s; one that only starts keeps its own.
#[derive(Default)]
pub(super) struct Logging {
    installed: Option<(Levels, LogConfig)>,
}

/// Checks what a configuration says of logs.
///
/// # Errors
///
/// What is wrong with the level.
pub(super) fn check(config: &LogConfig) -> Result<(), String> {
    let remedy = "expected a level such as info, or levels per module such as info,my_crate=debug";
    // A lone word that is no level would be the name of a module, and all others silent: `inof` is no such wish.
    let is_told = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    let is_right = config.level.split(',').all(is_told) && config.level.parse::<Targets>().is_ok();
    if is_right { Ok(()) } else { Err(remedy.to_owned()) }
}

impl Logging {
    /// Installs the subscriber, unless the program has installed one of its own.
    pub(super) fn install(&mut self, config: &LogConfig) {
        let levels = Levels::new(targets_of(config));
        let registry = tracing_subscriber::registry().with(levels.clone());
        let installed = match config.format {
            LogFormat::Text => Rooted(registry.with(layer().fmt_fields(BareFields).event_format(Line))).try_init(),
            LogFormat::Json => registry.with(layer().json().flatten_event(true)).try_init(),
        };
        if installed.is_ok() {
            // Lines for programs keep everything that a span can say.
            if config.format == LogFormat::Text {
                trace::lines_only();
            }
            self.installed = Some((levels, config.clone()));
        }
    }

    /// Takes what a new configuration says.
    pub(super) fn change(&mut self, config: &LogConfig) {
        let Some((levels, before)) = &mut self.installed else { return };
        if before.format != config.format {
            warn!("the new log format takes effect at the next start");
        }
        if before.level != config.level {
            levels.change(targets_of(config));
        }
        *before = config.clone();
    }
}

/// What is silent unless somebody asks for it by this name. Lapin logs every fault of a connection as an error, which it is
/// here only if nothing mends it: what we log of connections says the same, with their names. And it logs every message
/// that a broker gives back with its payload, which may hold anything that users send.
const SILENT: [&str; 2] = ["lapin", "lapin::returned_messages"];

/// Returns the levels that hold: what `RUST_LOG` says counts more than the configuration.
fn targets_of(config: &LogConfig) -> Targets {
    // Set to nothing, it says nothing: taken for levels, that would silence the program.
    let said = std::env::var("RUST_LOG").ok().filter(|levels| !levels.trim().is_empty());
    let from_environment = said.and_then(|levels| levels.parse().ok());
    discreet(from_environment.or_else(|| config.level.parse().ok()).unwrap_or_default())
}

/// Silences what nobody has asked for by its name: that somebody wants more of everything is no such wish, and wanting more
/// of lapin is none for payloads.
fn discreet(levels: Targets) -> Targets {
    let named: Vec<String> = levels.iter().map(|(target, _)| target.to_owned()).collect();
    let unnamed = SILENT.into_iter().filter(|silent| !named.iter().any(|target| target == silent));
    unnamed.fold(levels, |levels, silent| levels.with_target(silent, LevelFilter::OFF))
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging").field("installed", &self.installed.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn payloads_that_lapin_logs_are_silent_unless_they_are_asked_for_by_name() {
        let is_told = |level: &str, target: &str| {
            let config = LogConfig { level: level.to_owned(), ..LogConfig::default() };
            discreet(config.level.parse().unwrap()).would_enable(target, &Level::WARN)
        };
        let payloads = "lapin::returned_messages";
        for level in ["info", "trace", "warn,lapin=trace", "lapin::returned_messages_of_mine=info"] {
            assert!(!is_told(level, payloads), "{level}");
        }
        assert!(is_told("info,lapin::returned_messages=warn", payloads));
        assert!(!is_told("info", "lapin::channels") && is_told("info,lapin=warn", "lapin::channels"));
        let levels = discreet("info".parse().unwrap());
        assert!(levels.would_enable("mine", &Level::INFO));
        assert!(discreet(Targets::default()).iter().all(|(_, level)| level == LevelFilter::OFF));
    }
}
