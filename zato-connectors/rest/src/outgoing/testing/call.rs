use http::{HeaderMap, Method};
use reqwest::Url;
use zato_core::{Value, bytes::Bytes};

/// A call as the partner got it.
///
/// # Examples
///
/// ```
/// use zato_core::testing;
/// use zato_rest::testing::RestFake;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let payments = RestFake::with_config("url_path: /transfer");
/// payments.expect().post("/transfer").reply_status(202);
/// payments.rest().post(&testing::context()).text("12.50").await?;
///
/// let call = &payments.calls()[0];
/// assert_eq!((call.path(), call.text().as_str()), ("/transfer", "12.50"));
/// assert_eq!(call.header("content-type"), Some("text/plain; charset=utf-8"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartnerCall {
    /// The method.
    pub method: Method,
    /// Where it went, with the query string.
    pub url: Url,
    /// Every header, those of the connection and the correlation id included.
    pub headers: HeaderMap,
    /// The body, which is read to its end also if it is a stream.
    pub body: Bytes,
}

impl PartnerCall {
    /// Returns the path as it was sent, percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Returns the parameters of the query string, in their order.
    #[must_use]
    pub fn query(&self) -> Vec<(String, String)> {
        self.url.query_pairs().into_owned().collect()
    }

    /// Returns a header that is text; `None` if it is missing or not.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the correlation id that the call was made under; empty if there was none.
    #[must_use]
    pub fn cid(&self) -> &str {
        self.header("x-zato-cid").unwrap_or_default()
    }

    /// Returns the body as text, with marks for what is none.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body, which is JSON.
    ///
    /// # Panics
    ///
    /// If it is something else.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body of the call is JSON")
    }

    /// Returns the fields of the body, which is a form.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// What it is on one line.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}
