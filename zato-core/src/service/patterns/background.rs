//! What nobody waits for: it belongs to the app, which bounds it, counts it, lets it finish and cuts it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span};

use super::{
    super::{
        Context,
        context::{InBackground, Via},
    },
    Ongoing,
};
use crate::{
    error::{Error, Result},
    message::Cid,
    metrics::{
        Exposition,
        FamilyKind::{Counter, Gauge},
    },
};

/// How long what was cut may take to notice.
const FAREWELL: Duration = Duration::from_secs(1);

/// What work in the background was begun by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern {
    InvokeAsync,
    Fanout,
    Parallel,
    InvokeRetry,
}

impl Pattern {
    const ALL: [Self; 4] = [Self::InvokeAsync, Self::Fanout, Self::Parallel, Self::InvokeRetry];

    fn word(self) -> &'static str {
        match self {
            Self::InvokeAsync => "invoke-async",
            Self::Fanout => "fanout",
            Self::Parallel => "parallel",
            Self::InvokeRetry => "invoke-retry",
        }
    }
}

/// How work ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Ok,
    Error,
    Cancelled,
}

/// Everything that the services of an app do in the background. Dropped, it cuts that.
pub(crate) struct Background {
    /// Where it runs: where the app was started, since a thread that serves connections ends with those.
    runtime: OnceLock<Handle>,
    tasks: TaskTracker,
    /// Cuts everything.
    all: CancellationToken,
    numbers: Arc<Mutex<Numbers>>,
}

#[derive(Default)]
struct Numbers {
    total: usize,
    /// By what began it, and which service.
    active: BTreeMap<(Pattern, String), usize>,
    ended: BTreeMap<(Pattern, Outcome), u64>,
    refused: u64,
}

/// A place among what is in the background; dropped before the end, it was cut.
struct Place {
    numbers: Arc<Mutex<Numbers>>,
    key: (Pattern, String),
    outcome: Outcome,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut numbers = lock(&self.numbers);
        numbers.total = numbers.total.saturating_sub(1);
        if let Some(number) = numbers.active.get_mut(&self.key) {
            *number -= 1;
            if *number == 0 {
                numbers.active.remove(&self.key);
            }
        }
        *numbers.ended.entry((self.key.0, self.outcome)).or_default() += 1;
    }
}

impl Background {
    pub(crate) fn new() -> Self {
        Self {
            runtime: OnceLock::new(),
            tasks: TaskTracker::new(),
            all: CancellationToken::new(),
            numbers: Arc::default(),
        }
    }

    /// Says where it runs; where it is begun, unless that was said.
    pub(crate) fn run_on(&self, runtime: Handle) {
        let _ = self.runtime.set(runtime);
    }

    /// Returns how much there is now.
    pub(crate) fn active(&self) -> usize {
        lock(&self.numbers).total
    }

    fn place(&self, max: usize, key: (Pattern, String)) -> Result<Place> {
        if self.all.is_cancelled() {
            return Err(Error::unavailable("stopping"));
        }
        let mut numbers = lock(&self.numbers);
        if numbers.total >= max {
            numbers.refused += 1;
            let error = Error::unavailable(format!("there are {max} tasks in the background already"));
            return Err(error.with_retry_after(Duration::from_secs(1)));
        }
        numbers.total += 1;
        *numbers.active.entry(key.clone()).or_default() += 1;
        Ok(Place { numbers: Arc::clone(&self.numbers), key, outcome: Outcome::Cancelled })
    }

    fn runtime(&self) -> Result<Handle> {
        let known = self.runtime.get().cloned().or_else(|| Handle::try_current().ok());
        known.ok_or_else(|| Error::internal("there is no runtime that could do anything in the background"))
    }

    /// Lets everything finish, cuts what is left when the time is over, and says what that was.
    pub(crate) async fn drain(&self, by: Instant) -> Vec<String> {
        self.tasks.close();
        if timeout_at(by, self.tasks.wait()).await.is_ok() {
            self.all.cancel();
            return Vec::new();
        }
        let left: Vec<String> = {
            let numbers = lock(&self.numbers);
            let name = |((pattern, service), number): (&(Pattern, String), &usize)| {
                format!("{number} {} of the service {service} in the background", pattern.word())
            };
            numbers.active.iter().map(name).collect()
        };
        self.cut();
        let _ = timeout(FAREWELL, self.tasks.wait()).await;
        left
    }

    /// Cuts everything, and begins nothing more.
    pub(crate) fn cut(&self) {
        self.all.cancel();
    }

    /// Adds what there is, was, and was refused.
    pub(crate) fn metrics(&self, exposition: &mut Exposition) {
        let numbers = lock(&self.numbers);
        for pattern in Pattern::ALL {
            let label = ("pattern", pattern.word());
            let of_pattern = numbers.active.iter().filter(|((of, _), _)| *of == pattern);
            exposition
                .family(Gauge, "zato_background_active_tasks", "What services have begun in the background.")
                .sample(&[label], of_pattern.map(|(_, number)| number).sum::<usize>());
            let mut ended =
                exposition.family(Counter, "zato_background_tasks_total", "What has ended in the background.");
            for (word, outcome) in [("ok", Outcome::Ok), ("error", Outcome::Error), ("cancelled", Outcome::Cancelled)] {
                let number = numbers.ended.get(&(pattern, outcome)).copied().unwrap_or_default();
                ended.sample(&[label, ("outcome", word)], number);
            }
        }
        exposition
            .family(Counter, "zato_background_refused_total", "What the background had no place for.")
            .sample(&[], numbers.refused);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.cut();
    }
}

fn lock(numbers: &Mutex<Numbers>) -> MutexGuard<'_, Numbers> {
    numbers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Work that is to be done in the background, before it is begun.
pub(super) struct Work<'a> {
    pub(super) ctx: &'a Context,
    pub(super) pattern: Pattern,
    pub(super) cid: Option<Cid>,
    pub(super) timeout: Option<Duration>,
}

/// What work in the background invokes services with.
pub(super) struct Means {
    pub(super) ctx: Context,
    timeout: Option<Duration>,
}

impl Means {
    /// Returns how a service is reached, by one of the kinds of channels.
    pub(super) fn via(&self, kind: &'static str) -> Option<Via> {
        Some(Via { kind, timeout: self.timeout })
    }
}

impl<'a> Work<'a> {
    pub(super) fn new(ctx: &'a Context, pattern: Pattern) -> Self {
        Self { ctx, pattern, cid: None, timeout: None }
    }

    /// Begins it. The future tells the end, and whether all went well.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) if there is no place for it, or the app stops;
    /// [`Internal`](crate::Kind::Internal) if the service stands too deep.
    pub(super) fn begin<T, F>(&self, work: impl FnOnce(Means) -> F) -> Result<Ongoing<T>>
    where
        T: Send + 'static,
        F: Future<Output = (Result<T>, bool)> + Send + 'static,
    {
        self.ctx.check_depth()?;
        let InBackground { background, max } = self.ctx.background()?;
        let mut place = background.place(max, (self.pattern, self.ctx.service().to_owned()))?;
        let runtime = background.runtime()?;
        let cid = self.cid.unwrap_or_else(|| self.ctx.cid());
        let cancellation = background.all.child_token();
        let work = work(Means { ctx: self.ctx.detached(cid), timeout: self.timeout });
        // Under no other: the request that it was begun by is over before this is.
        let span = info_span!(
            parent: None,
            "background",
            zato.cid = cid.as_str(),
            zato.service = self.ctx.service(),
            zato.pattern = self.pattern.word(),
        );
        let (sender, end) = oneshot::channel();
        let token = cancellation.clone();
        let task = async move {
            let Some((result, is_ok)) = token.run_until_cancelled(work).await else { return };
            place.outcome = if is_ok { Outcome::Ok } else { Outcome::Error };
            // Before anybody learns of the end, who may begin the next.
            drop(place);
            let _ = sender.send(result);
        };
        background.tasks.spawn_on(task.instrument(span), &runtime);
        Ok(Ongoing { cid, cancellation, end })
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").field("active", &self.active()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (Pattern, String) {
        (Pattern::Fanout, "order.place".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_cut_and_named() {
        let background = Background::new();
        let (place, token) = (background.place(1, key()).unwrap(), background.all.child_token());
        background.tasks.spawn(async move {
            let _place = place;
            token.cancelled().await;
        });
        let refused = background.place(1, key()).err().map(|error| error.message().to_owned());
        assert_eq!(refused.as_deref(), Some("there are 1 tasks in the background already"));
        let cut = background.drain(Instant::now() + Duration::from_secs(1)).await;
        assert_eq!(cut, ["1 fanout of the service order.place in the background"]);
        assert_eq!((background.active(), background.place(1, key()).is_err()), (0, true));
        let mut exposition = Exposition::default();
        background.metrics(&mut exposition);
        let text = exposition.to_string();
        for line in [
            "zato_background_active_tasks{pattern=\"fanout\"} 0\n",
            "zato_background_tasks_total{pattern=\"fanout\",outcome=\"cancelled\"} 1\n",
            "zato_background_refused_total 1\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[tokio::test]
    async fn what_has_ended_holds_up_nobody() {
        let background = Background::new();
        let mut place = background.place(1, key()).unwrap();
        place.outcome = Outcome::Ok;
        drop(place);
        assert_eq!(background.drain(Instant::now()).await, [""; 0]);
    }
}
