//! Objects that have to be the same still.
//!
//! A plain object that was copied from a large one keeps the ETag of that, and Swift compares `If-Match` with it and not with the
//! object's own (copy.py copies `X-Object-Sysmeta-Slo-Etag`, which slo.py names in `X-Backend-Etag-Is-At`): there the condition is
//! never met. So an object of which Swift says that it is another one is looked at.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use zato_core::Result;

use super::details::etag;
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    wire::{Answer, Call},
};

/// Has every copy that the server has asked for the latest version, as it does itself before it copies.
const NEWEST: HeaderName = HeaderName::from_static("x-newest");

/// What the server says of a copy.
pub(super) struct Copied {
    pub(super) status: StatusCode,
    pub(super) etag: Option<String>,
    /// Whether it is sure without its ETag that no other version was copied.
    pub(super) is_same: bool,
}

/// How an object is known again.
#[derive(PartialEq, Eq)]
struct Version {
    etag: Option<String>,
    timestamp: Option<String>,
    modified: Option<HeaderValue>,
}

/// Makes a call that copies an object, if that has this ETag still.
///
/// # Errors
///
/// [`PreconditionFailed`](SwiftErrorKind::PreconditionFailed) if it has another one.
pub(super) async fn copy(client: &SwiftClient, container: &str, name: &str, is: &str, call: Call) -> Result<Copied> {
    let again = call.again();
    let refused = match client.wire.call(call.text(header::IF_MATCH, &format!("\"{is}\""))?).await {
        Ok(answer) => return Ok(said(answer).await),
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::PreconditionFailed) => error,
        Err(error) => return Err(error),
    };
    let version = look(client, container, name).await?;
    let Some(mut again) = again.filter(|_| version.etag.as_deref() == Some(is)) else { return Err(refused) };
    if let Some(modified) = &version.modified {
        again = again.header(header::IF_UNMODIFIED_SINCE, modified.clone());
    }
    let copied = said(client.wire.call(again).await?).await;
    // The time of the condition is to the second.
    let is_same = match look(client, container, name).await {
        Ok(now) => now == version,
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotFound) => false,
        Err(error) => return Err(error),
    };
    Ok(Copied { is_same, ..copied })
}

async fn said(answer: Answer) -> Copied {
    let (status, etag) = (answer.status(), etag(&answer));
    answer.done().await;
    Copied { status, etag, is_same: true }
}

async fn look(client: &SwiftClient, container: &str, name: &str) -> Result<Version> {
    let call = Call::object(Method::HEAD, container, name)?.header(NEWEST, HeaderValue::from_static("true"));
    let answer = client.wire.call(call.patient()).await?;
    let version = Version {
        etag: etag(&answer),
        timestamp: answer.text("x-timestamp").map(ToOwned::to_owned),
        modified: answer.headers.get(header::LAST_MODIFIED).cloned(),
    };
    answer.done().await;
    Ok(version)
}

/// Tells whether the latest version of an object has this ETag.
pub(super) async fn is_still(client: &SwiftClient, container: &str, name: &str, is: &str) -> Result<bool> {
    match look(client, container, name).await {
        Ok(version) => Ok(version.etag.as_deref() == Some(is)),
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
