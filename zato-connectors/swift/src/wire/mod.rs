//! What every request to Swift goes through: a place, the token, the time it may take, and another try if that helps.

mod answer;
mod call;
mod pauses;

use std::{pin::pin, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant},
};
use tracing::{debug, warn};
use zato_core::{
    Error, Result, Retry,
    ambient::Ambient,
    message::ByteStream,
    security::{AccessToken, Tokens},
};

pub(crate) use self::{
    answer::Answer,
    call::{Call, Repeated},
    pauses::Pauses,
};
use crate::{
    auth::{Auth, Session, TOKEN},
    error::{self, SwiftErrorKind},
    meter::Meter,
    transport::{Body, Counter, Transport},
};

/// How much of an answer is read that says what went wrong.
const FAULT: usize = 64 * 1024;

/// What an entry says of every request.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) connection: String,
    pub(crate) timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) starting_backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) retries_rate_limit: bool,
    pub(crate) slow: Duration,
    pub(crate) pool_size: usize,
}

/// The way to an account, or to servers that nobody logs in to.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Transport,
    tokens: Option<Tokens<Session>>,
    rules: Rules,
    places: Arc<Semaphore>,
    meter: Arc<Meter>,
    ambient: Ambient,
}

/// What to do about a request that failed.
enum Next {
    GiveUp,
    Again,
    After(Duration),
}

impl Wire {
    /// # Panics
    ///
    /// Outside of a runtime of tokio's.
    pub(crate) fn new(
        transport: Transport,
        auth: Arc<Auth>,
        rules: Rules,
        meter: Arc<Meter>,
        ambient: Ambient,
    ) -> Self {
        let (over, clock) = (transport.clone(), ambient.clone());
        let tokens = Tokens::of_connection(rules.connection.clone(), move || {
            let (auth, over, clock) = (Arc::clone(&auth), over.clone(), clock.clone());
            async move { auth.login(&over, &clock).await }
        });
        Self { tokens: Some(tokens), ..Self::without_login(transport, rules, meter, ambient) }
    }

    /// Makes one for calls that say where they [go](Call::at), and who makes them.
    pub(crate) fn without_login(transport: Transport, rules: Rules, meter: Arc<Meter>, ambient: Ambient) -> Self {
        let places = Arc::new(Semaphore::new(rules.pool_size));
        Self { transport, tokens: None, rules, places, meter, ambient }
    }

    /// Returns where the account is for everybody, and logs in before if nobody has.
    pub(crate) async fn public_url(&self) -> Result<String> {
        let session = self.session().await?;
        let session = session.ok_or_else(|| Error::internal("there is no account that one could log in to"))?;
        Ok(session.value().public_url().to_owned())
    }

    /// Returns who we are, and logs in before if nobody has; `None` where nobody does.
    async fn session(&self) -> Result<Option<Arc<AccessToken<Session>>>> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        tokens.token().await.map(Some).map_err(|error| self.about(error))
    }

    pub(crate) fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Returns how many requests are on their way, and how many may be.
    pub(crate) fn places(&self) -> (usize, usize) {
        let all = self.rules.pool_size;
        (all.saturating_sub(self.places.available_permits()), all)
    }

    /// Makes a request, as often as that is safe and may help, and returns the first answer that is one of those that the call
    /// [accepts](Call::accepting).
    ///
    /// # Errors
    ///
    /// What the last attempt failed with.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. What became of a request that was on its way is not known.
    pub(crate) async fn call(&self, mut call: Call) -> Result<Answer> {
        let begun = Instant::now();
        let mut pauses = Pauses::new(&self.rules);
        loop {
            let again = call.body.again();
            let body = std::mem::take(&mut call.body);
            // A login that fails is as if the attempt had.
            let (session, attempted) = match self.session().await {
                Ok(session) => {
                    let attempted = self.attempt(&call, body, session.as_deref()).await;
                    (session, attempted)
                }
                Err(error) => (None, Err(error)),
            };
            let error = match attempted {
                Ok(answer) => {
                    self.took(&call, begun.elapsed(), Some(answer.status()));
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let next = self.next(&call, again.is_some(), &error, session.as_ref(), &mut pauses);
            match next {
                Next::GiveUp => {
                    self.took(&call, begun.elapsed(), None);
                    return Err(self.told(&call, session.as_deref(), again.is_some(), error));
                }
                Next::Again => {}
                Next::After(pause) => {
                    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                    debug!(connection = self.rules.connection, method = %call.method, %error, pause_ms, "trying again");
                    time::sleep(pause).await;
                }
            }
            self.meter.tried_again();
            call.body = again.unwrap_or_default();
        }
    }

    /// Makes a request once.
    async fn attempt(&self, call: &Call, body: Body, session: Option<&AccessToken<Session>>) -> Result<Answer> {
        let place = if call.has_place { Some(self.place(call.is_patient).await?) } else { None };
        let request = request(call, body, session.map(AccessToken::value))?;
        let patience = call.lasting.map_or(self.rules.timeout, |time| time.max(self.rules.timeout));
        let counter = call.leg.clone().map(|leg| Counter::new(Arc::clone(&self.meter), leg));
        let response = self.transport.exchange(request, patience, counter).await?;
        let status = response.status();
        if let Some(session) = session.filter(|_| status != StatusCode::UNAUTHORIZED) {
            session.accepted();
        }
        if call.accepts(status) {
            return Ok(Answer::new(response, place));
        }
        let retry_after = retry_after(&response);
        let error = self.fault(response).await;
        Err(match retry_after {
            Some(pause) if error.retry() != Retry::Never => error.with_retry_after(pause),
            _ => error,
        })
    }

    /// Waits for a place among the requests that are on their way. Who is patient waits as long as something moves, and as long
    /// as a request that stands still keeps its place.
    async fn place(&self, is_patient: bool) -> Result<OwnedSemaphorePermit> {
        let Rules { acquire_timeout, timeout, .. } = self.rules;
        let patience = if is_patient { acquire_timeout.saturating_add(timeout) } else { acquire_timeout };
        let mut place = pin!(Arc::clone(&self.places).acquire_owned());
        loop {
            let moved = self.meter.moved();
            match time::timeout(patience, &mut place).await {
                Ok(place) => return place.map_err(|_| Error::internal("the places of the connection are gone")),
                Err(_) if is_patient && self.meter.moved() != moved => {}
                Err(_) => return Err(self.no_place(patience)),
            }
        }
    }

    #[cold]
    fn no_place(&self, patience: Duration) -> Error {
        let (pool_size, waited) = (self.rules.pool_size, patience.as_millis());
        let said = format!(
            "{pool_size} are on their way, as many as \"pool_size\" allows, and none has ended within {waited}ms"
        );
        error::of_kind(SwiftErrorKind::TooManyWaiting, said)
    }

    /// Reads what an answer says about what went wrong.
    async fn fault(&self, response: Response<ByteStream>) -> Error {
        let (parts, body) = response.into_parts();
        let said = time::timeout(answer::LEFTOVERS, body.bytes_within(FAULT)).await;
        let said = said.ok().and_then(Result::ok).unwrap_or_default();
        let error = error::of_status(parts.status, &said);
        // What an operator is asked for.
        let transaction = parts.headers.get("x-trans-id").and_then(|value| value.to_str().ok());
        match transaction {
            Some(transaction) => error.with("x_trans_id", transaction),
            None => error,
        }
    }

    fn next(
        &self,
        call: &Call,
        is_repeatable: bool,
        error: &Error,
        session: Option<&Arc<AccessToken<Session>>>,
        pauses: &mut Pauses,
    ) -> Next {
        let Some(kind) = error::kind_of(error) else { return Next::GiveUp };
        if kind == SwiftErrorKind::NotAuthenticated {
            // The next call has a new token in any case. Nobody who could not log in has one.
            let may_help = self.tokens.as_ref().zip(session).is_some_and(|(tokens, session)| tokens.refused(session));
            let may_be = pauses.renewed();
            return if may_help && may_be && is_repeatable { Next::Again } else { Next::GiveUp };
        }
        let is_safe = call.is_idempotent || error.retry() == Retry::Unsent;
        let is_meant = kind != SwiftErrorKind::RateLimited || self.rules.retries_rate_limit;
        if !(call.has_retries && is_safe && is_repeatable && is_meant && kind.is_passing()) {
            return Next::GiveUp;
        }
        pauses.next(self.ambient.random(), error.retry_after()).map_or(Next::GiveUp, Next::After)
    }

    /// Says what is to be known beside what went wrong.
    fn told(&self, call: &Call, session: Option<&AccessToken<Session>>, is_repeatable: bool, error: Error) -> Error {
        let kind = error::kind_of(&error);
        if let Some(kind) = kind {
            self.meter.failed(kind);
        }
        // Who does not answer may be another one than who logs one in.
        let server = call.server().or_else(|| session.map(|session| session.value().storage_url()));
        let error = match (kind, server) {
            (Some(SwiftErrorKind::ConnectionLost | SwiftErrorKind::Timeout), Some(server)) => {
                error.with("server", server)
            }
            _ => error,
        };
        let error = match kind {
            // With a new token it may go through; who has the bytes has to send them.
            Some(SwiftErrorKind::NotAuthenticated) if !is_repeatable => error.with_retry(Retry::Later),
            // It may have been done.
            Some(kind) if kind.is_passing() && !call.is_idempotent && error.retry() != Retry::Unsent => {
                error.with_retry(Retry::Never)
            }
            _ => error,
        };
        self.about(error.with("method", &call.method).with("path", call.shown()))
    }

    pub(crate) fn about(&self, error: Error) -> Error {
        let is_said = error.context().any(|(key, _)| key == "connection");
        if is_said { error } else { error.with("connection", &self.rules.connection) }
    }

    fn took(&self, call: &Call, elapsed: Duration, status: Option<StatusCode>) {
        self.meter.took(elapsed);
        let (connection, method, path) = (&self.rules.connection, &call.method, call.shown());
        let (status, elapsed_ms) =
            (status.map(|status| status.as_u16()), u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        if !self.rules.slow.is_zero() && elapsed >= self.rules.slow {
            warn!(connection, %method, path, status, elapsed_ms, "slow request to the object storage");
        } else {
            debug!(connection, %method, path, status, elapsed_ms, "asked the object storage");
        }
    }
}

/// Makes the request of a call.
fn request(call: &Call, body: Body, session: Option<&Session>) -> Result<Request<Body>> {
    let mut request = Request::new(body);
    let uri = call.uri(session.map(Session::storage_url).unwrap_or_default()).parse();
    *request.uri_mut() = uri.map_err(|error| Error::internal("a request has no address").with_source(error))?;
    *request.method_mut() = call.method.clone();
    request.headers_mut().clone_from(&call.headers);
    if let Some(session) = session {
        request.headers_mut().insert(&TOKEN, session.token().clone());
    }
    Ok(request)
}

/// Returns how long the server asks to be left alone, in seconds (RFC 9110 §10.2.3).
fn retry_after(response: &Response<ByteStream>) -> Option<Duration> {
    let value = response.headers().get(http::header::RETRY_AFTER)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
