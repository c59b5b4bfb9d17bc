//! Cross-origin resource sharing: what browsers ask before a page of another origin may call a channel (Fetch §3.2).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::config::{CorsConfig, METHODS, Names, Origins};

/// What a channel tells browsers, written once.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    has_credentials: bool,
    /// `None` if pages may see no header beyond what every page may.
    expose: Option<HeaderValue>,
    methods: HeaderValue,
    /// `None` if pages may send no header beyond what every page may.
    headers: Option<HeaderValue>,
    max_age: HeaderValue,
}

const ANY: HeaderValue = HeaderValue::from_static("*");

impl Cors {
    /// Writes what a channel for these methods tells, of which none means every one.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn of(config: &CorsConfig, methods: &[Method]) -> Result<Self, String> {
        let any = [
            ("allow_origins", config.allow_origins == Origins::Any),
            ("allow_headers", config.allow_headers == Names::Any),
            ("expose_headers", config.expose_headers == Names::Any),
        ];
        if let Some((key, _)) = any.iter().find(|(_, is_any)| *is_any && config.allow_credentials) {
            // Browsers refuse the first, and take the others for a header of that name (Fetch §3.2.5).
            return Err(format!("has cors with allow_credentials and the {key} \"*\": list those that may"));
        }
        let methods = if methods.is_empty() { &METHODS[..] } else { methods };
        let allowed = if config.allow_methods.is_empty() { methods } else { &config.allow_methods };
        if let Some(other) = allowed.iter().find(|method| !answers(methods, method)) {
            return Err(format!("has cors with the method {other}, which it does not answer"));
        }
        Ok(Self {
            origins: config.allow_origins.clone(),
            has_credentials: config.allow_credentials,
            expose: names(&config.expose_headers),
            methods: list(allowed.iter().map(Method::as_str)),
            headers: names(&config.allow_headers),
            max_age: HeaderValue::from(config.max_age.as_secs()),
        })
    }

    /// Returns what `Access-Control-Allow-Origin` says to a page of this origin; `None` if it may not call.
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match (&self.origins, origin) {
            (Origins::Any, _) => Some(ANY),
            (Origins::Only(origins), Some(origin)) if origins.iter().any(|one| one.is(origin.as_bytes())) => {
                Some(origin.clone())
            }
            _ => None,
        }
    }

    /// Answers a browser that asks before it sends what a page wants to (Fetch §4.8). A page that may not call is told
    /// nothing, by which the browser knows.
    pub(crate) fn preflight(&self, origin: &HeaderValue) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::with_capacity(6);
        if self.origins != Origins::Any {
            headers.push((header::VARY, HeaderValue::from_static("origin, access-control-request-method")));
        }
        let Some(allowed) = self.allowed(Some(origin)) else { return headers };
        headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed));
        headers.push((header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone()));
        headers.push((header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone()));
        headers.extend(self.headers.clone().map(|names| (header::ACCESS_CONTROL_ALLOW_HEADERS, names)));
        headers.extend(self.has_credentials.then_some((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE)));
        headers
    }

    /// Lets a page see a reply, also one that refuses: else its program learns no more than that something failed.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins != Origins::Any {
            // Also without an origin: what stands between us may keep the reply for a page that sends one.
            super::vary(headers, header::ORIGIN);
        }
        let Some(allowed) = self.allowed(origin) else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.has_credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(expose) = &self.expose {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }
}

const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Tells what a browser asks for: the origin of the page, and the method that it would use; `None` if `OPTIONS` comes
/// from somebody else.
pub(crate) fn asked(headers: &HeaderMap) -> Option<(&HeaderValue, Method)> {
    let origin = headers.get(header::ORIGIN)?;
    let method = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    Some((origin, Method::from_bytes(method.as_bytes()).ok()?))
}

/// Whether a channel for these methods answers one.
fn answers(methods: &[Method], wanted: &Method) -> bool {
    methods.contains(wanted) || (*wanted == Method::HEAD && methods.contains(&Method::GET))
}

fn names(names: &Names) -> Option<HeaderValue> {
    match names {
        Names::Any => Some(ANY),
        Names::Only(names) if names.is_empty() => None,
        Names::Only(names) => Some(list(names.iter().map(HeaderName::as_str))),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> HeaderValue {
    let names = names.collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(names).expect("names of methods and headers can stand in a header")
}
