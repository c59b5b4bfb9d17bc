//! Operators of opendal's, whose requests go through the wire of a connection.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use http::{Method, Request, Response, StatusCode, header};
use opendal::{
    Buffer, Error as OpendalError, ErrorKind, HttpBody, HttpTransport, HttpTransporter, OperationContext, Operator,
    services,
};
use zato_core::{Error, Result, message::ByteStream};

use crate::{
    Swift,
    error::{self, SwiftErrorKind},
    name, storage,
    transport::Body,
    wire::{Answer, Call, Wire},
};

/// Where opendal takes the account to be. What it sends there goes to the account itself, with our token.
const ACCOUNT: &str = "http://account.invalid";

/// How much of an answer is read that says what went wrong.
const FAULT: usize = 64 * 1024;

impl Swift {
    /// Returns opendal's own operator for the objects of a container, for what it can beyond this handle.
    ///
    /// Its requests take the way of all others of this connection: who logs in, new tokens, places, timeouts, and further
    /// attempts are the connection's. It is cheap to make and to clone, and stays usable when the connection is made anew.
    ///
    /// What opendal itself does is not changed by that. It drops spaces around a path, and slashes without a name between
    /// them. What is written in several pieces becomes a large object whose segments lie in the same container and are left
    /// when it is deleted. It does not compare checksums, signs no temporary URLs, and does not say which objects of many
    /// could not be deleted.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if the name of the container can't be used, or has other characters
    /// than letters of ASCII, digits and `-`, `.`, `_` and `~`: opendal does not encode it.
    ///
    /// # Examples
    ///
    /// ```
    /// use zato_swift::{Swift, opendal};
    ///
    /// async fn keep(storage: &Swift) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     let invoices: opendal::Operator = storage.operator("invoices")?;
    ///     invoices.write("2026/11.json", "{}").await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn operator(&self, container: &str) -> Result<Operator> {
        name::container(container)?;
        if name::path(container, None) != container {
            let words = "an operator takes a container whose name has letters of ASCII, digits and -._~ alone";
            return Err(Error::invalid_input(words).with("container", container));
        }
        let service = services::Swift::default().endpoint(ACCOUNT).container(container);
        let operator = Operator::new(service).map_err(storage::error::of_opendal)?;
        Ok(over(operator, Way::Account(self.clone())))
    }
}

/// Has the requests of an operator go another way than opendal's own.
pub(crate) fn over(operator: Operator, way: Way) -> Operator {
    operator.with_context(OperationContext::default().with_http_transport(HttpTransporter::new(way)))
}

/// The way that requests of operators go.
pub(crate) enum Way {
    /// To the account of a connection, wherever that is.
    Account(Swift),
    /// Where the requests say, as they are.
    Servers(Arc<Wire>),
}

impl Way {
    async fn call(&self, call: Call) -> Result<Answer> {
        match self {
            Self::Account(swift) => swift.call(call).await,
            Self::Servers(wire) => wire.call(call).await,
        }
    }
}

impl HttpTransport for Way {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let (parts, body) = request.into_parts();
        let (is_head, is_bulk) = (parts.method == Method::HEAD, parts.uri.query().is_some_and(deletes_many));
        // With a condition, the second of two would find what the first has stored.
        let is_conditional = parts.headers.contains_key(header::IF_NONE_MATCH) && parts.method == Method::PUT;
        let is_idempotent = is_bulk || !(is_conditional || matches!(parts.method, Method::POST | Method::PATCH));
        let mut call = Call::of_path(parts.method, parts.uri.path(), parts.uri.query()).reading_faults();
        if let (Self::Servers(_), Some(scheme), Some(server)) = (self, parts.uri.scheme_str(), parts.uri.authority()) {
            call = call.at(format!("{scheme}://{server}"));
        }
        call =
            call.headers(parts.headers).body(if body.is_empty() { Body::Empty } else { Body::Bytes(body.to_bytes()) });
        let call = if is_idempotent { call } else { call.once() };
        let answer = self.call(call).await.map_err(|error| told(error, ErrorKind::Unexpected))?;
        if answer.status() == StatusCode::NOT_IMPLEMENTED {
            let said = answer.bytes(FAULT).await.unwrap_or_default();
            return Err(told(error::of_status(StatusCode::NOT_IMPLEMENTED, &said), ErrorKind::Unsupported));
        }
        // What answers a HEAD says how long something is that does not come.
        let length = answer.length().filter(|_| !is_head);
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        response.headers_mut().clone_from(&answer.headers);
        if answer.headers.contains_key(header::TRANSFER_ENCODING) {
            response.headers_mut().remove(header::TRANSFER_ENCODING);
        }
        Ok(response.map(|()| HttpBody::new(Pieces(answer.into_stream()), length)))
    }
}

/// Whether a POST deletes what it names, so that making it twice comes to the same: Swift's bulk delete, and that of S3.
fn deletes_many(query: &str) -> bool {
    query.split('&').any(|key| matches!(key, "bulk-delete" | "delete" | "delete="))
}

/// Puts an error of ours into one of opendal's, where [`Error::find_in`] finds it.
fn told(error: Error, kind: ErrorKind) -> OpendalError {
    let kind = match error::kind_of(&error) {
        Some(SwiftErrorKind::NotAuthenticated | SwiftErrorKind::NotAllowed) => ErrorKind::PermissionDenied,
        Some(SwiftErrorKind::RateLimited) => ErrorKind::RateLimited,
        _ => kind,
    };
    // It was tried as often as may be.
    OpendalError::new(kind, error.message().to_owned()).set_persistent().set_source(io::Error::other(error))
}

/// What an answer has in it, piece by piece.
struct Pieces(ByteStream);

impl Stream for Pieces {
    type Item = opendal::Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<opendal::Result<Buffer>>> {
        let piece = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(piece.map(|piece| piece.map(Buffer::from).map_err(|error| told(error, ErrorKind::Unexpected))))
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account(_) => "Account",
            Self::Servers(_) => "Servers",
        })
    }
}
