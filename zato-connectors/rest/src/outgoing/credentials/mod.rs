//! Credentials of outgoing calls: a layer right in front of the network, so that what is tried again gets the token that
//! is good by then.

mod token;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderName, HeaderValue, StatusCode, header};
use tower::Service;
use zato_core::{
    BoxError, Error, Result,
    security::{AccessToken, OutgoingCredentials, Tokens},
};

pub(super) use self::token::{TokenEndpoint, tokens};
use super::{
    call::Call,
    transport::{Answer, Answering},
};

/// Adds the credentials of a connection to its calls.
#[derive(Clone)]
pub(super) struct Credentials<S> {
    inner: S,
    presented: Presented,
}

/// What is added.
#[derive(Clone)]
pub(super) enum Presented {
    /// Nothing: the connection has no security definition.
    Nothing,
    /// The same each time.
    Header(HeaderName, HeaderValue),
    /// A token.
    Token(Tokens),
    /// The definition is inactive, and nothing goes out.
    Refused(OutgoingCredentials),
}

impl<S> Credentials<S> {
    pub(super) fn new(inner: S, presented: Presented) -> Self {
        Self { inner, presented }
    }
}

impl<S> Service<Call> for Credentials<S>
where
    S: Service<Call, Response = Answer, Error = Error, Future = Answering> + Clone + Send + 'static,
{
    type Response = Answer;
    type Error = Error;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Answering {
        match &self.presented {
            Presented::Nothing => self.inner.call(call),
            Presented::Header(name, value) => {
                call.credentials = Some((name.clone(), value.clone()));
                self.inner.call(call)
            }
            Presented::Token(tokens) => {
                // The one that is ready is the one to call (tower's `Service::call`).
                let ready = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, ready);
                Box::pin(with_token(inner, tokens.clone(), call))
            }
            Presented::Refused(credentials) => {
                let error =
                    credentials.refusal().unwrap_or_else(|| Error::internal("the credentials are unknown here"));
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }
}

/// What goes wrong with a token says nothing of the partner: it is the cause of an error of its own, which no circuit
/// breaker counts. Nor is it tried again with the call, since who fetches tokens has pauses of its own.
async fn token_of(tokens: &Tokens) -> Result<Arc<AccessToken>> {
    tokens.token().await.map_err(|cause| {
        let mut error = Error::new(cause.kind(), "there is no token to call with");
        for (key, value) in cause.context() {
            error = error.with(key, value);
        }
        if let Some(wait) = cause.retry_after() {
            error = error.with_retry_after(wait);
        }
        error.with_source(BoxError::from(cause))
    })
}

/// Calls with a token, and once more with another one if the partner doesn't take it.
async fn with_token<S>(mut inner: S, tokens: Tokens, mut call: Call) -> Result<Answer>
where
    S: Service<Call, Response = Answer, Error = Error, Future = Answering> + Send,
{
    let token = token_of(&tokens).await?;
    call.credentials = Some((header::AUTHORIZATION, token.authorization().clone()));
    // A partner that answers 401 has done nothing (RFC 9110 §15.5.2), so that the method doesn't matter.
    let again = call.can_be_sent_again().then(|| call.clone());
    let answer = inner.call(call).await?;
    if answer.status != StatusCode::UNAUTHORIZED || !tokens.refused(&token) {
        return Ok(answer);
    }
    // The body of a stream is gone; what comes next finds another token.
    let Some(mut call) = again else { return Ok(answer) };
    drop(answer);
    let token = token_of(&tokens).await?;
    call.credentials = Some((header::AUTHORIZATION, token.authorization().clone()));
    std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
    inner.call(call).await
}
