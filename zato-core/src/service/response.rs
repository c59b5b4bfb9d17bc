use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::error::{Error, Result};

/// An output with a status and headers of its own.
///
/// Channels of protocols without them leave them aside.
///
/// ```
/// use zato_core::{http::StatusCode, service::Response};
///
/// let response = Response::new(()).status(StatusCode::CREATED).header("location", "/api/v1/client/7");
/// assert_eq!(response.status_code(), Some(StatusCode::CREATED));
/// ```
#[derive(Debug)]
pub struct Response<T> {
    body: T,
    status: Option<StatusCode>,
    headers: HeaderMap,
    /// A header that could not be made, told when the response is used: setters never fail.
    fault: Option<String>,
}

impl<T> Response<T> {
    /// Takes an output, with the status that it would have without us.
    #[must_use]
    pub fn new(body: T) -> Self {
        Self { body, status: None, headers: HeaderMap::new(), fault: None }
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds a header; one that can't be written makes the call fail with an internal error that names it.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            _ => self.fault = Some(format!("the header {name:?} of a response can't be written")),
        }
        self
    }

    /// Returns the output.
    #[must_use]
    pub fn body(&self) -> &T {
        &self.body
    }

    /// Takes the output out.
    #[must_use]
    pub fn into_body(self) -> T {
        self.body
    }

    /// Returns the status, if one was set.
    #[must_use]
    pub fn status_code(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns the headers that were added.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn into_parts(self) -> Result<(T, Option<StatusCode>, HeaderMap)> {
        match self.fault {
            Some(fault) => Err(Error::internal(fault)),
            None => Ok((self.body, self.status, self.headers)),
        }
    }
}
