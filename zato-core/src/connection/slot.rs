use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::{sync::Notify, time};
use tracing::{info, warn};

use super::{Backoff, Connector, State};
use crate::{
    ambient::Ambient,
    error::{Error, Result},
    metrics::Exposition,
};

/// How long one attempt to connect, or a ping, may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The place of one connection: its configuration, how it stands, and its client while it is up.
///
/// Whoever holds a slot may call [`Slot::client`] at any time; it never waits.
pub struct Slot<C: Connector> {
    name: String,
    ambient: Ambient,
    state: ArcSwap<State>,
    client: ArcSwapOption<C::Client>,
    /// Rung when a user of the client found that the connection is gone.
    lost: Notify,
    /// Rung when the connection is to be closed for good.
    closing: Notify,
    /// Rung when the first attempt has ended, one way or the other.
    tried: Notify,
    /// How often it came up.
    connects: AtomicU64,
    /// How many attempts failed.
    failures: AtomicU64,
}

impl<C: Connector> Slot<C> {
    fn new(name: &str, ambient: Ambient, state: State) -> Self {
        Self {
            name: name.to_owned(),
            ambient,
            state: ArcSwap::from_pointee(state),
            client: ArcSwapOption::empty(),
            lost: Notify::new(),
            closing: Notify::new(),
            tried: Notify::new(),
            connects: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Makes a slot that is up with a client at hand: for fakes.
    pub fn up(name: &str, client: C::Client) -> Arc<Self> {
        let ambient = Ambient::default();
        let slot = Self::new(name, ambient.clone(), State::Up { since: ambient.now() });
        slot.client.store(Some(Arc::new(client)));
        Arc::new(slot)
    }

    /// Makes the slot of a connection that is not connected yet.
    pub(super) fn connecting(name: &str, ambient: Ambient) -> Arc<Self> {
        Arc::new(Self::new(name, ambient, State::Connecting))
    }

    /// Makes the slot of a connection that is never connected, for the reason that the state tells.
    pub(super) fn never(name: &str, ambient: Ambient, state: State) -> Arc<Self> {
        Arc::new(Self::new(name, ambient, state))
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how the connection stands.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Returns how often it was connected anew, and how many attempts to connect have failed.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.connects.load(Ordering::Relaxed).saturating_sub(1), self.failures.load(Ordering::Relaxed))
    }

    /// Returns the client.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) at once, with the reason, if the connection is not up.
    pub fn client(&self) -> Result<Arc<C::Client>> {
        self.client.load_full().ok_or_else(|| {
            let section = C::SECTION.name;
            Error::unavailable(format!("the {section} connection \"{}\" is {}", self.name, self.state.load()))
                .with_retry_after(Duration::from_secs(1))
        })
    }

    /// Asks the other side for a sign of life and returns how long that took.
    ///
    /// # Errors
    ///
    /// As [`Slot::client`]; what the connector says; [`Timeout`](crate::Kind::Timeout) after 10 seconds.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn ping(&self) -> Result<Duration> {
        let client = self.client()?;
        let started = time::Instant::now();
        let timed = time::timeout(ATTEMPT, C::ping(&client)).await;
        timed.map_err(|_| Error::timeout("no answer to a ping within 10 seconds").with("connection", &self.name))??;
        Ok(started.elapsed())
    }

    /// Says that the connection of a client is gone, as somebody who used it found; it is connected anew.
    ///
    /// Of many who find the same one gone, the first counts: what was connected since then is left alone.
    pub fn lost(&self, client: &Arc<C::Client>, error: &Error) {
        let before = self.client.compare_and_swap(client, None);
        if before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, client)) {
            return;
        }
        let (since, error) = (self.ambient.now(), error.report().to_string());
        let down = Arc::new(State::Down { since, error, attempts: 0 });
        self.state.rcu(|state| if **state == State::Closed { Arc::clone(state) } else { Arc::clone(&down) });
        self.lost.notify_one();
    }

    /// Waits until the first attempt to connect has ended, one way or the other.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn tried(&self) {
        let mut tried = pin!(self.tried.notified());
        // Listening comes before looking, so that an end between the two is not missed.
        tried.as_mut().enable();
        if matches!(**self.state.load(), State::Connecting) {
            tried.await;
        }
    }

    /// Waits until the connection is up, and returns its client.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn until_up(&self) -> Arc<C::Client> {
        loop {
            let mut tried = pin!(self.tried.notified());
            // Listening comes before looking, so that a success between the two is not missed.
            tried.as_mut().enable();
            if let Some(client) = self.client.load_full() {
                return client;
            }
            tried.await;
        }
    }

    /// Waits until the connection was closed for good, such as when its configuration was changed or the program ends.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn closed(&self) {
        loop {
            let mut tried = pin!(self.tried.notified());
            // Listening comes before looking, so that an end between the two is not missed.
            tried.as_mut().enable();
            if matches!(**self.state.load(), State::Closed) {
                return;
            }
            tried.await;
        }
    }

    /// Adds what the client counts to the metrics of the app, if there is one.
    pub(super) fn metrics(&self, exposition: &mut Exposition) {
        if let Some(client) = &*self.client.load() {
            let labels = [("section", C::SECTION.name), ("name", self.name.as_str())];
            C::metrics(client, &labels, exposition);
        }
    }

    /// Closes the connection for good.
    pub fn close(&self) {
        self.closing.notify_one();
    }

    /// Keeps the connection up until it is closed.
    pub(super) async fn supervise(&self, prepared: &C::Prepared, ping_interval: Option<Duration>) {
        let _unless_it_panics = Ended(self);
        tokio::select! {
            () = self.keep_up(prepared, ping_interval) => {}
            () = self.closing.notified() => {}
        }
        let client = self.client.swap(None);
        self.state.store(Arc::new(State::Closed));
        self.tried.notify_waiters();
        if let Some(client) = client {
            let _ = time::timeout(ATTEMPT, C::close(client)).await;
            info!(section = C::SECTION.name, connection = self.name, "connection closed");
        }
    }

    /// Connects, and connects anew whenever the connection is lost.
    async fn keep_up(&self, prepared: &C::Prepared, ping_interval: Option<Duration>) {
        let mut backoff = Backoff::new(C::LONGEST_PAUSE);
        loop {
            self.connect(prepared, &mut backoff).await;
            let up_since = time::Instant::now();
            tokio::select! {
                () = self.lost.notified() => {}
                () = self.watch() => {}
                () = self.ask_regularly(ping_interval) => {}
            }
            let state = self.state.load_full();
            let error = if let State::Down { error, .. } = &*state { error } else { "" };
            warn!(section = C::SECTION.name, connection = self.name, error, "connection lost");
            if !backoff.lasted(up_since.elapsed()) {
                time::sleep(backoff.next(self.ambient.random())).await;
            }
        }
    }

    /// Says that the connection is gone when its connector finds so; never ends.
    async fn watch(&self) {
        if let Some(client) = self.client.load_full() {
            let error = C::lost(&client).await;
            self.lost(&client, &error);
        }
        // Whoever says that it is lost rings, and one place hears that.
        std::future::pending::<()>().await;
    }

    /// Pings for as long as the connection is up; never ends.
    async fn ask_regularly(&self, interval: Option<Duration>) {
        let Some(interval) = interval else { return std::future::pending().await };
        loop {
            time::sleep(interval).await;
            match self.ping().await {
                Ok(_) => self.answered(),
                Err(error) => self.unanswered(&error),
            }
        }
    }

    fn answered(&self) {
        let since = self.ambient.now();
        let before = self.state.rcu(|state| match &**state {
            State::Failing { .. } => Arc::new(State::Up { since }),
            _ => Arc::clone(state),
        });
        if matches!(*before, State::Failing { .. }) {
            info!(section = C::SECTION.name, connection = self.name, "connection answers again");
        }
    }

    fn unanswered(&self, error: &Error) {
        let (now, report) = (self.ambient.now(), error.report().to_string());
        let before = self.state.rcu(|state| {
            let (since, attempts) = match &**state {
                State::Up { .. } => (now, 1),
                State::Failing { since, attempts, .. } => (*since, attempts.saturating_add(1)),
                // It was found to be lost meanwhile, or is being closed.
                _ => return Arc::clone(state),
            };
            Arc::new(State::Failing { since, error: report.clone(), attempts })
        });
        if before.is_up() {
            warn!(section = C::SECTION.name, connection = self.name, error = report, "connection does not answer");
        }
    }

    /// Tries until it is connected.
    async fn connect(&self, prepared: &C::Prepared, backoff: &mut Backoff) {
        let mut attempts = 0;
        let mut down_since = match &**self.state.load() {
            State::Down { since, .. } => Some(*since),
            _ => None,
        };
        loop {
            let attempt = time::timeout(ATTEMPT, C::connect(prepared)).await;
            let error = match attempt.unwrap_or_else(|_| Err(Error::timeout("no connection within 10 seconds"))) {
                Ok(client) => {
                    // The state first: who finds this client gone must not have it said to be up afterwards.
                    self.state.store(Arc::new(State::Up { since: self.ambient.now() }));
                    self.client.store(Some(Arc::new(client)));
                    self.connects.fetch_add(1, Ordering::Relaxed);
                    self.tried.notify_waiters();
                    info!(section = C::SECTION.name, connection = self.name, "connection up");
                    return;
                }
                Err(error) => error,
            };
            let pause = backoff.next(self.ambient.random());
            attempts += 1;
            self.failures.fetch_add(1, Ordering::Relaxed);
            let since = *down_since.get_or_insert_with(|| self.ambient.now());
            let report = error.report().to_string();
            warn!(
                section = C::SECTION.name,
                connection = self.name,
                attempts,
                retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                error = report,
                "connection failed"
            );
            self.state.store(Arc::new(State::Down { since, error: report, attempts }));
            self.tried.notify_waiters();
            time::sleep(pause).await;
        }
    }
}

/// Leaves a slot in a true state if its connector panics.
struct Ended<'a, C: Connector>(&'a Slot<C>);

impl<C: Connector> Drop for Ended<'_, C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = "the connector panicked; a new configuration of the connection starts it again".to_owned();
            let since = self.0.ambient.now();
            self.0.client.store(None);
            self.0.state.store(Arc::new(State::Down { since, error, attempts: 1 }));
            self.0.tried.notify_waiters();
        }
    }
}

impl<C: Connector> fmt::Debug for Slot<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connection {:?} ({})", C::SECTION.name, self.name, self.state.load())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    };

    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::{
        super::{ConnectionConfig, Setup, Supervised},
        *,
    };
    use crate::{
        config::{ConfigFaults, SectionName},
        error::Kind,
    };

    /// A technology whose other side fails as often as it is told to, and remembers what was done to it.
    struct Flaky;

    #[derive(Deserialize, JsonSchema)]
    struct FlakyConfig {
        name: String,
        #[serde(default)]
        fails: u32,
        #[serde(default)]
        hangs: bool,
    }

    impl ConnectionConfig for FlakyConfig {
        fn name(&self) -> &str {
            &self.name
        }

        fn is_active(&self) -> bool {
            true
        }
    }

    /// How often each connection was tried, and what was closed: one entry a test, by its connection's name.
    static TRIED: Mutex<Vec<(String, u32)>> = Mutex::new(Vec::new());
    static CLOSED: AtomicU32 = AtomicU32::new(0);
    static GONE: Notify = Notify::const_new();
    static MOOD: AtomicBool = AtomicBool::new(false);

    impl Connector for Flaky {
        const SECTION: SectionName = SectionName { name: "outgoing_flaky", aliases: &[] };
        type Config = FlakyConfig;
        const LONGEST_PAUSE: Duration = Duration::from_secs(5);
        type Prepared = FlakyConfig;
        type Client = String;

        fn prepare(setup: Setup<'_, FlakyConfig>) -> Result<FlakyConfig, ConfigFaults> {
            Ok(setup.config)
        }

        async fn connect(config: &FlakyConfig) -> Result<String> {
            if config.hangs {
                std::future::pending::<()>().await;
            }
            let mut tried = TRIED.lock().unwrap();
            let name = &config.name;
            let position = tried.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                tried.push((name.clone(), 0));
                tried.len() - 1
            });
            tried[position].1 += 1;
            if tried[position].1 <= config.fails {
                return Err(Error::unavailable("nobody at home"));
            }
            Ok(name.clone())
        }

        async fn ping(client: &String) -> Result<()> {
            match client.as_str() {
                "silent" => std::future::pending().await,
                "moody" if MOOD.load(Ordering::SeqCst) => Err(Error::upstream("not today")),
                _ => Ok(()),
            }
        }

        async fn lost(client: &String) -> Error {
            if client == "watched" {
                GONE.notified().await;
                return Error::upstream("the broker has closed the connection");
            }
            std::future::pending().await
        }

        async fn close(client: Arc<String>) {
            if *client == "closed" {
                CLOSED.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn connection(name: &str, fails: u32, hangs: bool) -> (Arc<Slot<Flaky>>, Supervised) {
        let config = FlakyConfig { name: name.to_owned(), fails, hangs };
        let interval = (name == "moody").then_some(Duration::from_secs(30));
        let supervised = Supervised::new::<Flaky>(name, config, interval, Ambient::default());
        let slot = supervised.connection().into_any().downcast().unwrap();
        (slot, supervised)
    }

    async fn until(slot: &Slot<Flaky>, is_so: impl Fn(&State) -> bool) {
        while !is_so(&slot.state()) {
            time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_again_until_it_is_up_and_calls_fail_at_once_meanwhile() {
        let (slot, supervised) = connection("late", 3, false);
        assert_eq!(*slot.state(), State::Connecting);
        assert!(slot.client().is_err());
        supervised.begin().await;
        supervised.tried().await;
        let State::Down { error, attempts: 1, .. } = &*slot.state() else { panic!("{slot:?}") };
        assert_eq!(error, "nobody at home");
        let refused = slot.client().unwrap_err();
        assert_eq!(refused.kind(), Kind::Unavailable);
        assert!(refused.message().starts_with("the outgoing_flaky connection \"late\" is down since "), "{refused}");
        until(&slot, State::is_up).await;
        assert_eq!(*slot.client().unwrap(), "late");
        assert!(slot.ping().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_lost_is_connected_anew() {
        let (slot, supervised) = connection("lost", 0, false);
        supervised.begin().await;
        until(&slot, State::is_up).await;
        let gone = slot.client().unwrap();
        slot.lost(&gone, &Error::upstream("reset by peer"));
        assert!(slot.client().unwrap_err().message().contains("last error: reset by peer"));
        until(&slot, State::is_up).await;
        // Somebody else finds the old one gone: the new one stays.
        slot.lost(&gone, &Error::upstream("reset by peer"));
        assert!(slot.client().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_lost_while_nobody_calls_is_connected_anew_as_often_as_that_happens() {
        let (slot, supervised) = connection("watched", 0, false);
        supervised.begin().await;
        for reconnects in 0..3 {
            until(&slot, State::is_up).await;
            assert_eq!(slot.counts(), (reconnects, 0));
            // Nothing that was heard before is heard again.
            time::sleep(Duration::from_secs(20)).await;
            assert_eq!(slot.counts(), (reconnects, 0));
            GONE.notify_one();
            until(&slot, |state| !state.is_up()).await;
            let State::Down { error, .. } = &*slot.state() else { panic!("{slot:?}") };
            assert_eq!(error, "the broker has closed the connection");
        }
        assert!(slot.client().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_longer_than_its_connector_says() {
        let (slot, supervised) = connection("paused", u32::MAX, false);
        supervised.begin().await;
        time::sleep(Duration::from_secs(600)).await;
        assert!(slot.counts().1 >= 120, "{:?}", slot.counts());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_and_a_ping_have_ten_seconds() {
        let (slot, supervised) = connection("hanging", 0, true);
        supervised.begin().await;
        until(&slot, |state| matches!(state, State::Down { error, .. } if error == "no connection within 10 seconds"))
            .await;
        let (silent, supervised) = connection("silent", 0, false);
        supervised.begin().await;
        until(&silent, State::is_up).await;
        assert_eq!(silent.ping().await.unwrap_err().kind(), Kind::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_answer_pings_is_failing_and_still_called() {
        let (slot, supervised) = connection("moody", 0, false);
        supervised.begin().await;
        until(&slot, State::is_up).await;
        MOOD.store(true, Ordering::SeqCst);
        until(&slot, |state| matches!(state, State::Failing { attempts: 2, error, .. } if error == "not today")).await;
        assert!(slot.client().is_ok());
        MOOD.store(false, Ordering::SeqCst);
        until(&slot, State::is_up).await;
    }

    #[tokio::test(start_paused = true)]
    async fn closing_says_goodbye_once_and_dropping_ends_the_task() {
        let (slot, supervised) = connection("closed", 0, false);
        supervised.begin().await;
        until(&slot, State::is_up).await;
        supervised.close(Duration::from_secs(1)).await;
        assert_eq!((&*slot.state(), CLOSED.load(Ordering::SeqCst)), (&State::Closed, 1));
        assert!(slot.client().unwrap_err().message().ends_with("is closed"));

        let (slot, supervised) = connection("dropped", u32::MAX, false);
        supervised.begin().await;
        supervised.tried().await;
        drop(supervised);
        time::sleep(Duration::from_secs(120)).await;
        assert_eq!(Arc::strong_count(&slot), 1, "the task is gone");
    }
}
