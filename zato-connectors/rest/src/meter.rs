//! What is counted of requests, each channel by itself: additions to numbers that stand ready, no lock, no allocation.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Method, StatusCode};
use zato_core::metrics::{
    Exposition,
    FamilyKind::{Counter, Gauge, Histogram as Durations},
    Histogram,
};

/// The methods that are told apart, under the names that they have as labels. Any other is one of the last kind, so that
/// no caller can make us count more and more (OpenTelemetry's semantic conventions 1.27, `http.request.method`).
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "_OTHER"];

/// How many combinations of method and status a channel has numbers for; the rest of them share one.
const SERIES: usize = 24;

/// The meters of every channel, kept over all configurations that have the channel.
#[derive(Default)]
pub(crate) struct Meters {
    /// Of requests that no channel answers.
    pub(crate) unrouted: Arc<Meter>,
    /// A meter ends with the last table that has its channel.
    of_channels: Mutex<BTreeMap<(String, String), Weak<Meter>>>,
}

/// What is counted of the requests of one channel.
#[derive(Default)]
pub(crate) struct Meter {
    channel: String,
    route: String,
    begun: AtomicU64,
    ended: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// Filled from the start, by what is answered first: a channel that works well finds its numbers at the first look.
    series: [OnceLock<Box<Series>>; SERIES],
    others: Histogram,
    /// Of replies that are kept, on a channel that does so.
    pub(crate) replies: OnceLock<ReplyCounts>,
}

/// How the requests of a channel were answered that keeps replies.
#[derive(Default)]
pub(crate) struct ReplyCounts {
    /// With a reply that was there.
    pub(crate) hits: AtomicU64,
    /// By the service.
    pub(crate) misses: AtomicU64,
    /// With what the service answered somebody else at the same time.
    pub(crate) coalesced: AtomicU64,
    /// By the service, as they are none whose replies are kept.
    pub(crate) bypassed: AtomicU64,
    /// How often the cache failed, or took too long.
    pub(crate) failures: AtomicU64,
}

impl ReplyCounts {
    fn write(&self, channel: &str, exposition: &mut Exposition) {
        let outcomes =
            [("hit", &self.hits), ("miss", &self.misses), ("coalesced", &self.coalesced), ("bypass", &self.bypassed)];
        let help = "Requests to channels that keep replies, by where the reply came from.";
        let mut family = exposition.family(Counter, "zato_response_cache_requests_total", help);
        for (outcome, count) in outcomes {
            family.sample(&[("outcome", outcome), ("zato_channel", channel)], count.load(Relaxed));
        }
        exposition
            .family(Counter, "zato_response_cache_failures_total", "Times that the cache of replies failed.")
            .sample(&[("zato_channel", channel)], self.failures.load(Relaxed));
    }
}

#[derive(Debug)]
struct Series {
    key: Key,
    took: Histogram,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    method: MethodIndex,
    status: StatusCode,
}

/// A method, as far as methods are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodIndex(u8);

impl MethodIndex {
    pub(crate) fn of(method: &Method) -> Self {
        Self(match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::PATCH => 4,
            Method::DELETE => 5,
            Method::OPTIONS => 6,
            Method::CONNECT => 7,
            Method::TRACE => 8,
            _ => 9,
        })
    }

    fn name(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("_OTHER")
    }
}

impl Meters {
    /// Returns the meter of a channel, the same one as long as any table has it.
    pub(crate) fn of(&self, channel: &str, route: &str) -> Arc<Meter> {
        let mut known = self.of_channels.lock().unwrap_or_else(PoisonError::into_inner);
        let place = known.entry((channel.to_owned(), route.to_owned())).or_default();
        place.upgrade().unwrap_or_else(|| {
            let meter = Arc::new(Meter { channel: channel.to_owned(), route: route.to_owned(), ..Meter::default() });
            *place = Arc::downgrade(&meter);
            meter
        })
    }

    /// Lets go of meters whose channel no table has any more: who changes channels often need not be asked for metrics
    /// as often.
    pub(crate) fn forget(&self) {
        let mut known = self.of_channels.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, meter| meter.strong_count() > 0);
    }

    pub(crate) fn write(&self, exposition: &mut Exposition) {
        self.forget();
        let known = self.of_channels.lock().unwrap_or_else(PoisonError::into_inner);
        for meter in known.values().filter_map(Weak::upgrade) {
            meter.write(exposition);
        }
        self.unrouted.write_durations(exposition);
    }
}

impl Meter {
    /// Counts a request that is in work from now on.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    /// Counts the end of a request that was begun, however it came.
    pub(crate) fn end(&self, received: u64, sent: u64) {
        self.ended.fetch_add(1, Relaxed);
        self.received.fetch_add(received, Relaxed);
        self.sent.fetch_add(sent, Relaxed);
    }

    /// Counts an answer.
    pub(crate) fn record(&self, method: MethodIndex, status: StatusCode, took: Duration) {
        let key = Key { method, status };
        for place in &self.series {
            let series = place.get_or_init(|| Box::new(Series { key, took: Histogram::default() }));
            if series.key == key {
                series.took.record(took);
                return;
            }
        }
        self.others.record(took);
    }

    fn write(&self, exposition: &mut Exposition) {
        let labels = [("http_route", self.route.as_str()), ("zato_channel", self.channel.as_str())];
        // The end first: what ends in between would make more ends than beginnings.
        let ended = self.ended.load(Relaxed);
        exposition
            .family(Gauge, "http_server_active_requests", "Requests that are in work.")
            .sample(&labels, self.begun.load(Relaxed).saturating_sub(ended));
        exposition
            .family(Counter, "zato_channel_received_bytes_total", "Bytes in the bodies of requests.")
            .sample(&labels, self.received.load(Relaxed));
        exposition
            .family(Counter, "zato_channel_sent_bytes_total", "Bytes in the bodies of replies whose length was known.")
            .sample(&labels, self.sent.load(Relaxed));
        if let Some(replies) = self.replies.get() {
            replies.write(&self.channel, exposition);
        }
        self.write_durations(exposition);
    }

    fn write_durations(&self, exposition: &mut Exposition) {
        let help = "How long requests took, from their headers to the answer.";
        let mut family = exposition.family(Durations, "http_server_request_duration_seconds", help);
        let mut add = |method: &str, status: &str, took: &Histogram| {
            let labels = [
                ("http_request_method", method),
                ("http_response_status_code", status),
                ("http_route", &*self.route),
                ("zato_channel", &*self.channel),
            ];
            family.distribution(&labels, &took.read());
        };
        for series in self.series.iter().filter_map(OnceLock::get) {
            add(series.key.method.name(), series.key.status.as_str(), &series.took);
        }
        if self.others.read().count() > 0 {
            add("_OTHER", "", &self.others);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// What is counted of the connections of a listener.
#[derive(Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) accepted: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl ConnectionCounts {
    pub(crate) fn write(&self, exposition: &mut Exposition) {
        let ended = self.ended.load(Relaxed);
        let accepted = self.accepted.load(Relaxed);
        exposition
            .family(Gauge, "zato_http_connections_open", "Connections that clients have open.")
            .sample(&[], accepted.saturating_sub(ended));
        exposition
            .family(Counter, "zato_http_connections_accepted_total", "Connections that were taken in.")
            .sample(&[], accepted);
        exposition
            .family(Counter, "zato_http_connections_failed_total", "Connections that could not be taken in.")
            .sample(&[], self.failed.load(Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(meters: &Meters, part: &str) -> Vec<String> {
        let mut exposition = Exposition::default();
        meters.write(&mut exposition);
        let text = exposition.to_string();
        text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    #[test]
    fn a_channel_keeps_its_numbers_as_long_as_a_table_has_it() {
        let meters = Meters::default();
        let first = meters.of("a", "/a");
        first.begin();
        assert_eq!(
            lines(&meters, "active"),
            [
                "# HELP http_server_active_requests Requests that are in work.",
                "# TYPE http_server_active_requests gauge",
                "http_server_active_requests{http_route=\"/a\",zato_channel=\"a\"} 1",
            ]
        );
        let second = meters.of("a", "/a");
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &meters.of("a", "/b")));
        drop((first, second));
        assert_eq!(lines(&meters, "active_requests{"), [""; 0]);
    }

    #[test]
    fn no_caller_makes_more_series_than_there_are_places() {
        let meters = Meters::default();
        let meter = meters.of("a", "/a");
        for status in 200..300 {
            let method = Method::from_bytes(format!("M{status}").as_bytes()).unwrap();
            meter.record(MethodIndex::of(&method), StatusCode::from_u16(status).unwrap(), Duration::ZERO);
        }
        let counts = lines(&meters, "seconds_count");
        assert_eq!(counts.len(), SERIES + 1);
        assert!(counts.iter().all(|line| line.contains("http_request_method=\"_OTHER\"")));
        assert!(
            counts[SERIES].contains("http_response_status_code=\"\"") && counts[SERIES].ends_with("} 76"),
            "{counts:?}"
        );
    }
}
