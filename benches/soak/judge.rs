//! Whether anything has grown.

use crate::gauges::Gauges;

/// How much more of something there may be in the end than at the beginning, both without a client.
///
/// A reload reads files on a thread that stays for ten seconds, and a timer may be about to end.
const MARGIN: f64 = 2.0;

/// The same for threads, of which the runtime keeps some for files.
const THREADS: f64 = 4.0;

/// How much more memory there may be under load: what an allocator keeps differs from minute to minute.
const MEMORY: f64 = 0.10;

/// The same in MB, for a server that is as small as this one.
const LITTLE: f64 = 8.0;

/// Whether all clients are gone, and what was there for them.
pub(crate) fn is_calm(before: &Gauges, now: &Gauges) -> bool {
    now.connections == 0.0 && left(before, now).is_empty()
}

/// What was there for clients, and still is.
pub(crate) fn left(before: &Gauges, now: &Gauges) -> Vec<String> {
    let compared = [
        ("open connections", before.connections, now.connections, 0.0),
        ("open files", before.files, now.files, MARGIN),
        ("tasks", before.tasks, now.tasks, MARGIN),
        ("threads", before.threads, now.threads, THREADS),
    ];
    let has_grown = compared.iter().filter(|(_, before, now, margin)| now > &(before + margin));
    has_grown.map(|(what, before, now, _)| format!("{what}: {before} before, {now} after")).collect()
}

/// What the memory under load was early, after the first fifth, and late, each as the median of a fifth.
pub(crate) fn memory(samples: &[Gauges]) -> (f64, f64) {
    let fifth = samples.len() / 5;
    let median = |from: usize| {
        let mut part: Vec<f64> = samples.iter().skip(from).take(fifth.max(1)).map(|gauges| gauges.memory).collect();
        part.sort_by(f64::total_cmp);
        part.get(part.len() / 2).copied().unwrap_or_default()
    };
    (median(fifth), median(samples.len().saturating_sub(fifth.max(1))))
}

/// Whether it is more late than early.
pub(crate) fn has_grown((early, late): (f64, f64)) -> bool {
    late > early + LITTLE.max(early * MEMORY)
}
