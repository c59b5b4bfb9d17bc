//! A token that many callers share, fetched by one of them.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use tokio::{runtime::Handle, sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::IssuedToken;
use crate::error::{Error, Kind, Result, Retry};

/// How long a token is used whose server doesn't say how long it is good for.
const UNTOLD: Duration = Duration::from_secs(300);

/// Nothing is planned for later than this, since times that are added up have an end.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A token that was fetched because the one before was refused is not refused itself within this time, unless it was accepted
/// meanwhile: the other side wants something else than a new token then, and every call would cost two.
const RENEWED: Duration = Duration::from_secs(5);

/// How long a token endpoint is left alone after it failed; doubled each time up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What was issued, and for how long it is good.
type Issued<T> = (T, Option<Duration>);
type Fetching<T> = Pin<Box<dyn Future<Output = Result<Issued<T>>> + Send>>;
type Outcome<T> = Result<Arc<AccessToken<T>>, Arc<Failure>>;

/// A token that many callers share. It is fetched when the first of them asks, and anew shortly before it expires, or
/// when the other side refuses it.
///
/// Whatever the number of callers, one fetch is in work at a time. It has a task of its own, so that a caller who gives up
/// ends it for nobody; the task ends with the last clone. In the last minute of a token (the last fifth of one that is
/// good for less than five minutes) it is renewed in the background while callers go on with it; in its last ten seconds
/// (the last tenth) it isn't used any more. Without a time from its server, it counts as good for five minutes.
///
/// A failure is that of everybody who waited. The next fetch is begun a second later at the earliest, and up to ten
/// seconds later if it fails again and again; who asks meanwhile gets the same failure, or the old token if it is still
/// good.
///
/// A token is the value of a header unless somebody needs more with it, such as where it is good.
///
/// ```
/// use std::time::Duration;
/// use zato_core::security::{IssuedToken, Tokens};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let tokens = Tokens::new("CRM", || async { Ok(IssuedToken::new("abc", Some(Duration::from_secs(3600)))) });
///
/// let (one, other) = (tokens.token().await?, tokens.token().await?);
/// assert_eq!(one.authorization(), "Bearer abc");
/// assert!(std::sync::Arc::ptr_eq(&one, &other));
/// # Ok(())
/// # }
/// ```
pub struct Tokens<T = HeaderValue>(Arc<Shared<T>>);

/// A token that is ready to be sent.
#[derive(Debug)]
pub struct AccessToken<T = HeaderValue> {
    value: T,
    /// From when on a new one is fetched in the background.
    renewed_from: Instant,
    /// From when on it isn't used.
    unused_from: Instant,
    /// Until when it can't be said to be refused.
    kept_until: Option<Instant>,
    /// Whether the other side has taken it.
    is_accepted: AtomicBool,
}

struct Shared<T> {
    whose: Whose,
    runtime: Handle,
    fetch: Box<dyn Fn() -> Fetching<T> + Send + Sync>,
    current: ArcSwapOption<AccessToken<T>>,
    state: Mutex<State<T>>,
}

/// The name of what the tokens are of, which errors and the log say.
enum Whose {
    Security(String),
    Connection(String),
}

impl Whose {
    /// Returns the key that it is told by, and the name.
    fn said(&self) -> (&'static str, &str) {
        match self {
            Self::Security(name) => ("security", name),
            Self::Connection(name) => ("connection", name),
        }
    }

    fn security(&self) -> Option<&str> {
        if let Self::Security(name) = self { Some(name) } else { None }
    }

    fn connection(&self) -> Option<&str> {
        if let Self::Connection(name) = self { Some(name) } else { None }
    }
}

struct State<T> {
    fetch: Option<Fetch<T>>,
    failed: Option<Arc<Failure>>,
    /// Whether the next token is fetched because one was refused.
    is_refused: bool,
}

/// A fetch that is in work, or was.
struct Fetch<T> {
    outcome: watch::Receiver<Option<Outcome<T>>>,
    _task: AbortOnDropHandle<()>,
}

/// Why no token was fetched, for everybody who waited for it.
#[derive(Debug)]
struct Failure {
    error: Error,
    until: Instant,
    pause: Duration,
}

/// What there is without waiting.
enum Found<T> {
    Token(Arc<AccessToken<T>>),
    Failure(Error),
    Fetch(watch::Receiver<Option<Outcome<T>>>),
}

impl Tokens {
    /// Makes the tokens of a security definition; nothing is fetched yet.
    ///
    /// `fetch` has to end by itself, with [`Upstream`](Kind::Upstream) or [`Timeout`](Kind::Timeout) if need be.
    ///
    /// # Panics
    ///
    /// Outside of a runtime of tokio's, on which fetches are going to run.
    #[must_use]
    pub fn new<F>(definition: impl Into<String>, fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<IssuedToken>> + Send + 'static,
    {
        Self::with(Whose::Security(definition.into()), move || {
            let fetching = fetch();
            Box::pin(async move { header(&fetching.await?) })
        })
    }
}

impl<T: Send + Sync + 'static> Tokens<T> {
    /// Makes the tokens of a connection, each whatever a request needs to be accepted; `fetch` gives with it for how long it is
    /// good, if that is said, and is as that of [`new`](Tokens::new).
    ///
    /// # Panics
    ///
    /// Outside of a runtime of tokio's, on which fetches are going to run.
    #[must_use]
    pub fn of_connection<F>(connection: impl Into<String>, fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(T, Option<Duration>)>> + Send + 'static,
    {
        Self::with(Whose::Connection(connection.into()), move || Box::pin(fetch()))
    }

    fn with(whose: Whose, fetch: impl Fn() -> Fetching<T> + Send + Sync + 'static) -> Self {
        let state = State { fetch: None, failed: None, is_refused: false };
        Self(Arc::new(Shared {
            whose,
            runtime: Handle::current(),
            fetch: Box::new(fetch),
            current: ArcSwapOption::empty(),
            state: Mutex::new(state),
        }))
    }

    /// Gives a token, without waiting if there is a good one.
    ///
    /// # Errors
    ///
    /// What fetching it failed with; what was not to be expected of that, as [`Internal`](Kind::Internal).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time; the fetch goes on for the others, and for who comes next.
    pub async fn token(&self) -> Result<Arc<AccessToken<T>>> {
        let now = Instant::now();
        if let Some(token) = self.0.current.load_full().filter(|token| now < token.renewed_from) {
            return Ok(token);
        }
        let mut fetch = match self.0.found(now) {
            Found::Token(token) => return Ok(token),
            Found::Failure(error) => return Err(error),
            Found::Fetch(fetch) => fetch,
        };
        let outcome = fetch.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        match outcome {
            Some(Ok(token)) => Ok(token),
            Some(Err(failure)) => Err(self.0.error(&failure)),
            // It panicked, or its runtime has ended.
            None => {
                let (key, name) = self.0.whose.said();
                Err(Error::internal("fetching a token was broken off").with(key, name))
            }
        }
    }

    /// Says that the other side has refused a token, and returns whether a second try with another one may help.
    ///
    /// Of many who have the same token refused, the first causes a fetch, and the others find it in work or done. It can't
    /// help if the token is only seconds old, was itself fetched because another had been refused, and was not
    /// [accepted](AccessToken::accepted) so far.
    #[must_use]
    pub fn refused(&self, token: &Arc<AccessToken<T>>) -> bool {
        let mut state = self.0.lock();
        if !self.0.current.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, token)) {
            return true;
        }
        let is_new = token.kept_until.is_some_and(|until| Instant::now() < until);
        if is_new && !token.is_accepted.load(Ordering::Relaxed) {
            return false;
        }
        self.0.current.store(None);
        state.is_refused = true;
        true
    }
}

impl AccessToken {
    /// Returns the value of the header `Authorization`, which prints as `Sensitive`.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.value
    }
}

impl<T> AccessToken<T> {
    /// Returns what a request needs to be accepted.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Notes that the other side has accepted it. If it refuses it later on, somebody has ended it.
    pub fn accepted(&self) {
        self.is_accepted.store(true, Ordering::Relaxed);
    }

    fn of((value, lifetime): Issued<T>, begun: Instant, is_renewal: bool) -> Self {
        let lifetime = lifetime.unwrap_or(UNTOLD).min(LONGEST);
        let before_end = |most: u64, part: u32| begun + lifetime - (lifetime / part).min(Duration::from_secs(most));
        let (renewed_from, unused_from) = (before_end(60, 5), before_end(10, 10));
        let kept_until = is_renewal.then(|| Instant::now() + RENEWED);
        Self { value, renewed_from, unused_from, kept_until, is_accepted: AtomicBool::new(false) }
    }
}

/// Makes the header of a token that was issued.
fn header(issued: &IssuedToken) -> Result<Issued<HeaderValue>> {
    let value = format!("Bearer {}", issued.access_token.expose());
    // The error of the library is left out, as it might show what is in it one day.
    let authorization = HeaderValue::from_str(&value).ok();
    let mut authorization =
        authorization.ok_or_else(|| Error::upstream("the token that was issued can't stand in a header"))?;
    authorization.set_sensitive(true);
    Ok((authorization, issued.expires_in))
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Looks for a token that is good; begins to fetch one if it is time for that.
    fn found(self: &Arc<Self>, now: Instant) -> Found<T> {
        let mut state = self.lock();
        let current = self.current.load_full();
        if let Some(token) = current.as_ref().filter(|token| now < token.renewed_from) {
            return Found::Token(Arc::clone(token));
        }
        let good = current.filter(|token| now < token.unused_from);
        let in_work = state.fetch.as_ref().map(|fetch| fetch.outcome.clone()).filter(is_in_work);
        let waiting = state.failed.clone().filter(|failure| now < failure.until);
        match (in_work, waiting) {
            (Some(outcome), _) => good.map_or(Found::Fetch(outcome), Found::Token),
            (None, Some(failure)) => good.map_or_else(|| Found::Failure(self.error(&failure)), Found::Token),
            (None, None) => {
                let outcome = self.begin(&mut state, now);
                good.map_or(Found::Fetch(outcome), Found::Token)
            }
        }
    }

    fn begin(self: &Arc<Self>, state: &mut State<T>, now: Instant) -> watch::Receiver<Option<Outcome<T>>> {
        let (tell, outcome) = watch::channel(None);
        let is_renewal = std::mem::take(&mut state.is_refused);
        // A strong one would keep itself alive: the task is ours.
        let (shared, fetching) = (Arc::downgrade(self), (self.fetch)());
        let task = self.runtime.spawn(async move {
            let issued = fetching.await;
            if let Some(shared) = shared.upgrade() {
                tell.send_replace(Some(shared.settle(issued, now, is_renewal)));
            }
        });
        state.fetch = Some(Fetch { outcome: outcome.clone(), _task: AbortOnDropHandle::new(task) });
        outcome
    }

    fn settle(&self, issued: Result<Issued<T>>, begun: Instant, is_renewal: bool) -> Outcome<T> {
        let token = issued.map(|issued| AccessToken::of(issued, begun, is_renewal));
        let (security, connection) = (self.whose.security(), self.whose.connection());
        let mut state = self.lock();
        match token {
            Ok(token) => {
                debug!(security, connection, "token fetched");
                let token = Arc::new(token);
                state.failed = None;
                self.current.store(Some(Arc::clone(&token)));
                Ok(token)
            }
            Err(error) => {
                let pause = state.failed.as_ref().map_or(PAUSES.0, |before| (before.pause * 2).min(PAUSES.1));
                let message = error.report().to_string();
                let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                // A connection that nobody can log in to any more says so itself.
                if connection.is_some() && self.current.load().is_none() {
                    debug!(connection, error = message, retry_in_ms, "no token could be fetched");
                } else {
                    warn!(security, connection, error = message, retry_in_ms, "no token could be fetched");
                }
                let failure = Arc::new(Failure { error: ours(error), until: Instant::now() + pause, pause });
                state.failed = Some(Arc::clone(&failure));
                state.is_refused |= is_renewal;
                Err(failure)
            }
        }
    }

    fn error(&self, failure: &Failure) -> Error {
        let (key, name) = self.whose.said();
        let error = failure.error.copy().with(key, name);
        match failure.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => error,
            _ if error.retry() == Retry::Never => error,
            pause => error.with_retry_after(pause),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes an error of ours of what is not to be expected when a token is fetched: whoever calls us has done nothing wrong.
fn ours(error: Error) -> Error {
    match error.kind() {
        Kind::Upstream | Kind::Timeout | Kind::Unavailable | Kind::RateLimited => error,
        _ => Error::internal(error.report().to_string()),
    }
}

/// Whether somebody is still going to tell how a fetch has ended.
fn is_in_work<T>(outcome: &watch::Receiver<Option<Outcome<T>>>) -> bool {
    outcome.borrow().is_none() && outcome.has_changed().is_ok()
}

impl<T> Clone for Tokens<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Says whose they are, and nothing of what is in them.
impl<T> fmt::Debug for Tokens<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, name) = self.0.whose.said();
        f.debug_struct("Tokens").field(key, &name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64};

    use tokio::{
        task::JoinSet,
        time::{advance, sleep, timeout},
    };

    use super::*;

    /// A server that issues `token-1`, `token-2` and so on, each good for so many seconds, after one second.
    struct Server {
        fetches: AtomicU32,
        fails: AtomicU32,
        expires_in: AtomicU64,
    }

    fn tokens(expires_in: u64) -> (Arc<Server>, Tokens) {
        let server = Server { fetches: 0.into(), fails: 0.into(), expires_in: expires_in.into() };
        let server = Arc::new(server);
        let issuing = Arc::clone(&server);
        let tokens = Tokens::new("CRM", move || {
            let server = Arc::clone(&issuing);
            async move {
                let number = server.fetches.fetch_add(1, Ordering::SeqCst) + 1;
                sleep(Duration::from_secs(1)).await;
                if server.fails.load(Ordering::SeqCst) > 0 {
                    server.fails.fetch_sub(1, Ordering::SeqCst);
                    return Err(Error::upstream("the token endpoint answered 503"));
                }
                let expires_in = Duration::from_secs(server.expires_in.load(Ordering::SeqCst));
                Ok(IssuedToken::new(format!("token-{number}"), Some(expires_in)))
            }
        });
        (server, tokens)
    }

    async fn number(tokens: &Tokens) -> String {
        let token = tokens.token().await.unwrap();
        let value = token.authorization().to_str().unwrap();
        value.strip_prefix("Bearer token-").unwrap().to_owned()
    }

    fn fetches(server: &Server) -> u32 {
        server.fetches.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_wait_share_one_fetch() {
        let (server, tokens) = tokens(3600);
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let tokens = tokens.clone();
            callers.spawn(async move { number(&tokens).await });
        }
        assert!(callers.join_all().await.iter().all(|number| number == "1"));
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("1", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_ends_it_for_nobody() {
        let (server, tokens) = tokens(3600);
        for _ in 0..3 {
            assert!(timeout(Duration::from_millis(100), tokens.token()).await.is_err());
        }
        sleep(Duration::from_secs(1)).await;
        let at_once = timeout(Duration::ZERO, number(&tokens)).await;
        assert_eq!((at_once.unwrap().as_str(), fetches(&server)), ("1", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_in_the_background_before_it_expires() {
        let (server, tokens) = tokens(3600);
        assert_eq!(number(&tokens).await, "1");
        advance(Duration::from_secs(3600 - 62)).await;
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("1", 1));
        advance(Duration::from_secs(2)).await;
        for _ in 0..5 {
            let at_once = timeout(Duration::ZERO, number(&tokens)).await;
            assert_eq!(at_once.unwrap(), "1");
        }
        sleep(Duration::from_secs(2)).await;
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("2", 2));
        // Nobody asks for a long time: what is too old is not used.
        advance(Duration::from_secs(3600 - 5)).await;
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("3", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_good_for_no_time_is_for_those_who_waited() {
        let (server, tokens) = tokens(0);
        let (one, other) = tokio::join!(number(&tokens), number(&tokens));
        assert_eq!((one.as_str(), other.as_str(), number(&tokens).await.as_str()), ("1", "1", "2"));
        server.expires_in.store(u64::MAX, Ordering::SeqCst);
        assert_eq!((number(&tokens).await.as_str(), number(&tokens).await.as_str()), ("3", "3"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_refusals_of_one_token_cause_one_fetch() {
        let (server, tokens) = tokens(3600);
        let stale = tokens.token().await.unwrap();
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (tokens, stale) = (tokens.clone(), Arc::clone(&stale));
            callers.spawn(async move {
                assert!(tokens.refused(&stale));
                number(&tokens).await
            });
        }
        assert!(callers.join_all().await.iter().all(|number| number == "2"));
        assert!(tokens.refused(&stale), "a latecomer finds the new one");
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("2", 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_partner_that_refuses_every_token_does_not_cost_a_fetch_each_time() {
        let (server, tokens) = tokens(3600);
        let first = tokens.token().await.unwrap();
        assert!(tokens.refused(&first));
        let second = tokens.token().await.unwrap();
        assert!(!tokens.refused(&second));
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("2", 2));
        advance(RENEWED).await;
        assert!(tokens.refused(&second));
        assert_eq!(number(&tokens).await, "3");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_accepted_may_be_ended_at_any_time() {
        let (server, tokens) = tokens(3600);
        for number in 1..5 {
            let token = tokens.token().await.unwrap();
            token.accepted();
            assert!(tokens.refused(&token), "{number}");
            assert_eq!(fetches(&server), number);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_and_soon_tried_again() {
        let (server, tokens) = tokens(3600);
        server.fails.store(2, Ordering::SeqCst);
        let failure = |tokens: &Tokens| {
            let tokens = tokens.clone();
            async move { tokens.token().await.unwrap_err() }
        };
        let (one, other) = tokio::join!(failure(&tokens), failure(&tokens));
        for error in [one, other, failure(&tokens).await] {
            assert_eq!(error.kind(), Kind::Upstream);
            assert_eq!(error.report().to_string(), "the token endpoint answered 503 (security: CRM)");
            assert!(error.retry_after().is_some_and(|pause| pause <= Duration::from_secs(1)));
        }
        assert_eq!(fetches(&server), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(failure(&tokens).await.kind(), Kind::Upstream);
        advance(Duration::from_millis(1500)).await;
        failure(&tokens).await;
        assert_eq!(fetches(&server), 2, "the second pause is longer");
        advance(Duration::from_millis(500)).await;
        assert_eq!((number(&tokens).await.as_str(), fetches(&server)), ("3", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_to_renew_leaves_the_old_one_in_use() {
        let (server, tokens) = tokens(100);
        assert_eq!(number(&tokens).await, "1");
        server.fails.store(u32::MAX, Ordering::SeqCst);
        advance(Duration::from_secs(85)).await;
        assert_eq!(number(&tokens).await, "1");
        sleep(Duration::from_secs(3)).await;
        assert_eq!(number(&tokens).await, "1");
        sleep(Duration::from_millis(500)).await;
        assert_eq!(fetches(&server), 3, "one has failed, the next is in work");
        sleep(Duration::from_secs(4)).await;
        assert_eq!(tokens.token().await.unwrap_err().kind(), Kind::Upstream);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_panics_is_an_error_and_the_next_one_is_begun() {
        let number = AtomicU32::new(0);
        let tokens = Tokens::new("CRM", move || {
            let number = number.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(number > 0, "on purpose");
                Ok(IssuedToken::new("abc", None))
            }
        });
        let error = tokens.token().await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Internal, "fetching a token was broken off"));
        assert_eq!(tokens.token().await.unwrap().authorization(), "Bearer abc");
    }

    #[tokio::test(start_paused = true)]
    async fn the_fetch_ends_with_the_last_who_could_want_it() {
        struct Told(Option<tokio::sync::oneshot::Sender<()>>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.take().map(|tell| tell.send(()));
            }
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        let ended = Mutex::new(Some(Told(Some(tell))));
        let tokens = Tokens::new("CRM", move || {
            let ended = ended.lock().unwrap().take();
            async move {
                let _ended = ended;
                std::future::pending().await
            }
        });
        assert!(timeout(Duration::from_secs(60), tokens.token()).await.is_err());
        drop(tokens);
        told.await.unwrap();
    }

    #[tokio::test]
    async fn a_token_is_never_printed() {
        let tokens = Tokens::new("CRM", || async { Ok(IssuedToken::new("canary", None)) });
        let token = tokens.token().await.unwrap();
        assert!(!format!("{tokens:?} {token:?} {:?}", IssuedToken::new("canary", None)).contains("canary"));
        let tokens = Tokens::new("CRM", || async { Ok(IssuedToken::new("canary\n", None)) });
        let error = tokens.token().await.unwrap_err().report().to_string();
        assert_eq!(error, "the token that was issued can't stand in a header (security: CRM)");
    }
}
