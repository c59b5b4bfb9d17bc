//! What core counts, as metrics.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use tokio::runtime::Handle;

use super::{super::engine::Shared, Reloads};
use crate::{
    connection::{ConnectionStatus, State},
    layer::statistics::Recorder,
    metrics::{
        Exposition,
        FamilyKind::{Counter, Gauge, Histogram},
    },
};

/// Adds what is known of services and connections.
pub(super) fn of_app(exposition: &mut Exposition, shared: &Shared) {
    let labels = [("app", shared.app.name.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    exposition.family(Gauge, "zato_info", "The app, and the version of zato.").sample(&labels, 1_u64);
    for (service, recorder) in &shared.recorders {
        of_service(exposition, service, recorder);
    }
    let current = shared.current.load();
    let generation = exposition.family(Gauge, "zato_config_generation", "The configuration that is in force.");
    { generation }.sample(&[], current.number);
    let stale: BTreeSet<String> = shared.stale.files().into_iter().map(|file| file.name).collect();
    for name in current.user.names().map(str::to_owned).chain(stale.iter().cloned()).collect::<BTreeSet<_>>() {
        exposition
            .family(Gauge, "zato_user_config_stale", "Whether a file of user configuration can't be used as it is now.")
            .sample(&[("name", name.as_str())], stale.contains(&name));
    }
    for status in shared.statuses() {
        of_connection(exposition, &status);
    }
    shared.app.background.metrics(exposition);
    for (_, _, supervised) in current.connections.iter() {
        supervised.connection().metrics(exposition);
    }
    current.definitions.metrics(exposition);
}

fn of_service(exposition: &mut Exposition, service: &str, recorder: &Recorder) {
    let labels = [("zato_service", service)];
    let statistics = recorder.read(service);
    exposition
        .family(Histogram, "zato_service_duration_seconds", "How long requests of a service took.")
        .distribution(&labels, &recorder.distribution());
    let mut requests =
        exposition.family(Counter, "zato_service_requests_total", "Requests of a service that have ended.");
    for (outcome, number) in [("ok", statistics.count.saturating_sub(statistics.errors)), ("error", statistics.errors)]
    {
        requests.sample(&[("zato_service", service), ("outcome", outcome)], number);
    }
    exposition
        .family(Gauge, "zato_service_active_requests", "Requests of a service that are in work or wait for a place.")
        .sample(&labels, statistics.in_flight);
}

fn of_connection(exposition: &mut Exposition, status: &ConnectionStatus) {
    let mut labels = vec![("section", status.section), ("name", status.name.as_str())];
    labels.extend(status.link.map(|link| ("link", link)));
    if !matches!(*status.state, State::Inactive | State::Unfaked) {
        let mut up = exposition.family(Gauge, "zato_connection_up", "Whether calls can be made on a connection.");
        up.sample(&labels, status.state.is_up());
    }
    exposition
        .family(Counter, "zato_connection_reconnects_total", "How often a connection was lost and connected anew.")
        .sample(&labels, status.reconnects);
    exposition
        .family(Counter, "zato_connection_failures_total", "Attempts to connect that failed.")
        .sample(&labels, status.failures);
}

/// Adds what became of configurations.
pub(super) fn of_reloads(exposition: &mut Exposition, reloads: &Reloads) {
    let mut total = exposition.family(
        Counter,
        "zato_config_reloads_total",
        "Changed configurations while the app ran, by what became of them.",
    );
    for (result, number) in [("applied", &reloads.applied), ("refused", &reloads.refused)] {
        total.sample(&[("result", result)], number.load(Ordering::Relaxed));
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 need 41 bits")]
    let last = reloads.last.load(Ordering::Relaxed) as f64 / 1000.0;
    exposition
        .family(Gauge, "zato_config_last_reload_timestamp_seconds", "When the configuration in force was applied.")
        .sample(&[], last);
}

/// Adds what tokio tells of the runtime that asks.
pub(super) fn of_runtime(exposition: &mut Exposition) {
    let Ok(handle) = Handle::try_current() else { return };
    let metrics = handle.metrics();
    for (name, help, value) in [
        ("tokio_runtime_workers", "Threads that run tasks.", metrics.num_workers()),
        ("tokio_runtime_alive_tasks", "Tasks that have not ended.", metrics.num_alive_tasks()),
        ("tokio_runtime_global_queue_depth", "Tasks that wait for any thread.", metrics.global_queue_depth()),
    ] {
        exposition.family(Gauge, name, help).sample(&[], value);
    }
}
