//! Fetching tokens over HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use reqwest::{Client, ClientBuilder, redirect::Policy};
use tokio::time;
use tracing::debug;
use zato_core::{
    Error, Result,
    ambient::Ambient,
    security::{IssuedToken, TokenRequest, Tokens},
};

use super::super::{
    call::mark,
    config::HttpVersion,
    error,
    tls::{self, Tls},
    transport::whole,
};

/// Where tokens are fetched, and how TLS is spoken there.
pub(crate) struct TokenEndpoint {
    pub(crate) request: Arc<TokenRequest>,
    pub(crate) tls: Tls,
}

/// Makes the tokens of a connection, fetched by a client of their own; `builder` has the proxy and the time to connect.
///
/// # Errors
///
/// What the library doesn't take.
pub(crate) fn tokens(endpoint: &TokenEndpoint, builder: ClientBuilder, ambient: Ambient) -> Result<Tokens> {
    // A token is fetched once in a while: no connection is kept for that, and the name is looked up each time.
    let builder = builder.redirect(Policy::none()).referer(false).pool_max_idle_per_host(0);
    let client = tls::configure(builder, &endpoint.tls, HttpVersion::Auto).build().map_err(error::of)?;
    let (request, definition) = (Arc::clone(&endpoint.request), endpoint.request.definition().to_owned());
    Ok(Tokens::new(definition, move || fetch(client.clone(), Arc::clone(&request), ambient.clone())))
}

async fn fetch(client: Client, request: Arc<TokenRequest>, ambient: Ambient) -> Result<IssuedToken> {
    let (cid, timeout) = (ambient.cid(), request.timeout());
    debug!(security = request.definition(), %cid, "asking for a token");
    let mut http = request.to_http();
    mark(http.headers_mut(), cid, &cid.trace(ambient.random()));
    let asked = time::timeout(timeout, ask(&client, &request, http)).await;
    asked.unwrap_or_else(|_| {
        Err(Error::timeout(format!("the token endpoint did not answer within {}ms", timeout.as_millis())))
    })
}

async fn ask(client: &Client, request: &TokenRequest, http: Request<Bytes>) -> Result<IssuedToken> {
    let http = http.try_into().map_err(error::of_token_endpoint)?;
    let mut response = client.execute(http).await.map_err(error::of_token_endpoint)?;
    let status = response.status();
    let body = whole(&mut response, TokenRequest::MAX_ANSWER).await.map_err(error::of_token_endpoint)?;
    match body {
        Some(body) => request.read(status, &body),
        None => Err(Error::upstream("the token endpoint's answer is larger than any token")),
    }
}
