//! Asking for a token: what is sent, and what comes back (RFC 6749 §4.4).

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::Value;

use super::super::{BearerTokenConfig, ClientAuthentication, TokenRequestFormat};
use crate::{
    config::{ClientTlsConfig, Secret},
    error::{Error, Result},
};

/// Asks for a token. It can be sent as often as need be, by whatever client of HTTP a connector has.
///
/// ```
/// use zato_core::{
///     config::{from_tagged_node, yaml},
///     http::StatusCode,
///     security::{OutgoingCredentials, SecurityConfig},
/// };
///
/// let entry = "{name: CRM, type: bearer_token, auth_endpoint: 'https://login.example.com/token', username: a, password: b}";
/// let definition: SecurityConfig = from_tagged_node(&yaml::parse("zato.yaml", entry)?, "type")?;
/// let OutgoingCredentials::Token(request) = OutgoingCredentials::of(&definition).unwrap() else { unreachable!() };
///
/// let http = request.to_http();
/// assert_eq!(http.body(), "grant_type=client_credentials&client_id=a&client_secret=b");
/// let token = request.read(StatusCode::OK, br#"{"access_token":"t","token_type":"bearer","expires_in":3600}"#)?;
/// assert_eq!(token.expires_in.map(|time| time.as_secs()), Some(3600));
/// # Ok::<(), zato_core::Error>(())
/// ```
pub struct TokenRequest {
    definition: String,
    endpoint: Uri,
    headers: HeaderMap,
    body: Bytes,
    timeout: Duration,
    tls: Option<ClientTlsConfig>,
    /// Kept to find it in what comes back, so that it isn't shown.
    secret: Secret,
}

/// A token as it was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The token.
    pub access_token: Secret,
    /// How long it is good for, if the server told.
    pub expires_in: Option<Duration>,
}

impl IssuedToken {
    /// Makes a token that is good for some time, or for one that nobody knows.
    #[must_use]
    pub fn new(access_token: impl Into<Secret>, expires_in: Option<Duration>) -> Self {
        Self { access_token: access_token.into(), expires_in }
    }
}

impl TokenRequest {
    /// How much of an answer is read, in bytes: no token is as large.
    pub const MAX_ANSWER: usize = 64 * 1024;

    pub(super) fn of(config: &BearerTokenConfig) -> Result<Self, String> {
        let (Some(endpoint), Some(id), Some(secret)) = (&config.auth_endpoint, &config.username, &config.password)
        else {
            return Err(format!(
                "the security definition \"{}\" has neither a token nor a place to fetch one",
                config.name
            ));
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut fields = vec![("grant_type", config.grant_type.as_str())];
        match config.token_endpoint_auth_method {
            ClientAuthentication::ClientSecretPost => {
                fields.push((&config.client_id_field, id));
                fields.push((&config.client_secret_field, secret.expose()));
            }
            ClientAuthentication::ClientSecretBasic => {
                headers.insert(header::AUTHORIZATION, basic(id, secret));
            }
        }
        let scope = config.scopes.iter().flat_map(|scopes| scopes.split_whitespace()).collect::<Vec<_>>().join(" ");
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        fields.extend(config.extra_fields.iter().map(|(name, value)| (name.as_str(), value.expose())));
        let (content_type, body) = match config.data_format {
            TokenRequestFormat::Form => ("application/x-www-form-urlencoded", form(&fields)),
            TokenRequestFormat::Json => ("application/json", json(&fields)),
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(Self {
            definition: config.name.clone(),
            endpoint: endpoint.clone(),
            headers,
            body: body.into(),
            timeout: config.timeout.into(),
            tls: config.tls.clone(),
            secret: secret.clone(),
        })
    }

    /// Returns the name of the security definition.
    #[must_use]
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// Returns how long fetching a token may take, connecting included.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns whether tokens are fetched over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.endpoint.scheme_str() == Some("https")
    }

    /// Returns how TLS is spoken there; `None` for the way the connection does.
    #[must_use]
    pub fn tls(&self) -> Option<&ClientTlsConfig> {
        self.tls.as_ref()
    }

    /// Returns what to send. Redirects must not be followed: there are credentials in it.
    #[must_use]
    pub fn to_http(&self) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Reads what came back.
    ///
    /// # Errors
    ///
    /// [`Upstream`](crate::Kind::Upstream), if it is no token: with the status and with the code of OAuth (RFC 6749 §5.2),
    /// such as `invalid_client`, and nothing else of what the server said.
    pub fn read(&self, status: StatusCode, body: &[u8]) -> Result<IssuedToken> {
        if !status.is_success() {
            let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
            let code = refusal.and_then(|refusal| self.shown(refusal.error));
            let code = code.map(|code| format!(": {code}")).unwrap_or_default();
            return Err(Error::upstream(format!("the token endpoint answered {}{code}", status.as_u16())));
        }
        let unusable = |what: &str| Error::upstream(format!("the token endpoint's answer {what}"));
        // What serde says of it might repeat a part of the token.
        let answer: Answer =
            serde_json::from_slice(body).map_err(|_| unusable("is no JSON object with an access_token"))?;
        if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(unusable("has a token of another type than Bearer"));
        }
        Ok(IssuedToken::new(answer.access_token, answer.expires_in.as_ref().and_then(lifetime)))
    }

    /// Returns a code that may be shown: one that looks like those of the standard, and has no secret in it.
    fn shown(&self, code: Option<String>) -> Option<String> {
        let is_plain = |code: &String| {
            code.len() <= 64
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        };
        code.filter(is_plain).filter(|code| self.secret.is_empty() || !code.contains(self.secret.expose()))
    }
}

/// Says whose it is and where it goes, and nothing of what is in it.
impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest").field("definition", &self.definition).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

/// Reads seconds, which some servers write as a text, or with a fraction.
fn lifetime(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// Both parts are encoded as in a form first, whatever is in them (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &Secret) -> HeaderValue {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = BASE64_STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret.expose())));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).expect("base64 can stand in a header");
    value.set_sensitive(true);
    value
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn json(fields: &[(&str, &str)]) -> String {
    let object: serde_json::Map<_, _> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Value::String((*value).to_owned()))).collect();
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{from_tagged_node, yaml},
        error::Kind,
        security::SecurityConfig,
    };

    fn request(more: &str) -> TokenRequest {
        let text = format!(
            "{{name: T, type: bearer_token, auth_endpoint: 'https://x/token', username: 'me & you', password: 'can ary'{more}}}"
        );
        match from_tagged_node(&yaml::parse("zato.yaml", &text).unwrap(), "type").unwrap() {
            SecurityConfig::BearerToken(config) => TokenRequest::of(&config).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn sent(more: &str) -> (String, Option<String>) {
        let http = request(more).to_http();
        assert_eq!((http.method(), http.uri().to_string().as_str()), (&Method::POST, "https://x/token"));
        let authorization = http.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        (String::from_utf8(http.into_body().to_vec()).unwrap(), authorization)
    }

    #[test]
    fn what_is_sent_is_what_the_standard_says() {
        assert_eq!(
            sent(", scopes: [a, 'b c'], extra_fields: {audience: 'x=y'}"),
            (
                "grant_type=client_credentials&client_id=me+%26+you&client_secret=can+ary&scope=a+b+c&audience=x%3Dy"
                    .to_owned(),
                None
            )
        );
        let basic = format!("Basic {}", BASE64_STANDARD.encode("me+%26+you:can+ary"));
        assert_eq!(
            sent(", token_endpoint_auth_method: client_secret_basic"),
            ("grant_type=client_credentials".to_owned(), Some(basic))
        );
    }

    #[test]
    fn servers_that_know_users_are_asked_in_their_way() {
        let (body, _) =
            sent(", grant_type: password, client_id_field: username, client_secret_field: password, data_format: json");
        let body: Value = serde_json::from_str(&body).unwrap();
        let expected = serde_json::json!({"grant_type": "password", "username": "me & you", "password": "can ary"});
        assert_eq!(body, expected);
    }

    #[test]
    fn a_token_is_good_for_as_long_as_its_server_says() {
        let read =
            |more: &str| request("").read(StatusCode::OK, format!("{{\"access_token\":\"t\"{more}}}").as_bytes());
        for (more, expected) in [
            ("", None),
            (",\"expires_in\":null", None),
            (",\"expires_in\":60", Some(60)),
            (",\"expires_in\":\"60\"", Some(60)),
            (",\"expires_in\":60.0,\"token_type\":\"BEARER\"", Some(60)),
            (",\"expires_in\":-5", Some(0)),
            (",\"expires_in\":1e300", Some(u64::MAX)),
            (",\"expires_in\":\"soon\"", None),
        ] {
            assert_eq!(
                read(more).unwrap(),
                IssuedToken::new("t", expected.map(Duration::from_secs)).max(expected),
                "{more}"
            );
        }
    }

    impl IssuedToken {
        /// The longest time has nanoseconds, too.
        fn max(mut self, expected: Option<u64>) -> Self {
            if expected == Some(u64::MAX) {
                self.expires_in = Some(Duration::MAX);
            }
            self
        }
    }

    #[test]
    fn what_is_no_token_is_told_and_nothing_is_repeated() {
        let said = |status: u16, body: &str| {
            let error = request("").read(StatusCode::from_u16(status).unwrap(), body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), Kind::Upstream);
            error.report().to_string()
        };
        for (status, body, expected) in [
            (401, r#"{"error":"invalid_client","error_description":"can ary"}"#, "answered 401: invalid_client"),
            (400, r#"{"error":"can ary"}"#, "answered 400"),
            (400, r#"{"error":7}"#, "answered 400"),
            (503, "down", "answered 503"),
            (302, "", "answered 302"),
            (200, "can ary", "'s answer is no JSON object with an access_token"),
            (200, r#"{"access_token":7}"#, "'s answer is no JSON object with an access_token"),
            (200, r#"{"access_token":"t","token_type":"mac"}"#, "'s answer has a token of another type than Bearer"),
        ] {
            let said = said(status, body);
            let expected =
                expected.strip_prefix("'s").map_or_else(|| format!(" {expected}"), |rest| format!("'s{rest}"));
            assert_eq!(said, format!("the token endpoint{expected}"), "{body}");
        }
        assert_eq!(format!("{:?}", request("")), "TokenRequest { definition: \"T\", .. }");
    }
}
