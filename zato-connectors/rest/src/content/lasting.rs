//! Headers that a channel adds to its replies by configuration: caching and deprecation.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::config::{Date, RestChannelConfig};

/// The headers, written once.
#[derive(Debug)]
pub(crate) struct Lasting {
    cache_control: Option<HeaderValue>,
    deprecation: Option<Deprecation>,
}

#[derive(Debug)]
struct Deprecation {
    since: HeaderValue,
    sunset: Option<HeaderValue>,
    successor: Option<HeaderValue>,
}

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

impl Lasting {
    /// Writes what a channel adds; `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with its keys, as the end of a sentence.
    pub(crate) fn of(config: &RestChannelConfig) -> Result<Option<Self>, String> {
        let cache_control = config.cache_control.clone();
        let deprecation = config.is_deprecated.then(|| Deprecation::of(config)).transpose()?;
        let is_some = cache_control.is_some() || deprecation.is_some();
        Ok(is_some.then_some(Self { cache_control, deprecation }))
    }

    pub(crate) fn is_deprecated(&self) -> bool {
        self.deprecation.is_some()
    }

    /// Adds them; what a service says itself counts more. How long an error holds, only its service can know.
    pub(crate) fn add(&self, status: StatusCode, headers: &mut HeaderMap) {
        let is_good = status.is_success() || status == StatusCode::NOT_MODIFIED;
        if let Some(value) = self.cache_control.as_ref().filter(|_| is_good) {
            headers.entry(header::CACHE_CONTROL).or_insert_with(|| value.clone());
        }
        let Some(deprecation) = &self.deprecation else { return };
        headers.entry(DEPRECATION).or_insert_with(|| deprecation.since.clone());
        if let Some(value) = &deprecation.sunset {
            headers.entry(SUNSET).or_insert_with(|| value.clone());
        }
        if let Some(value) = &deprecation.successor {
            headers.append(header::LINK, value.clone());
        }
    }
}

impl Deprecation {
    fn of(config: &RestChannelConfig) -> Result<Self, String> {
        let (since, sunset) = (config.deprecation_since, config.deprecation_sunset);
        if since.zip(sunset).is_some_and(|(since, sunset)| sunset < since) {
            // RFC 9745 §4.
            return Err("has a deprecation_sunset before its deprecation_since".to_owned());
        }
        // A date of structured fields (RFC 9745 §2.1). Without one, it is longer ago than anybody remembers.
        let since = format!("@{}", since.map_or(0, Date::timestamp));
        let sunset = sunset.map(|date| httpdate::fmt_http_date(date.into()));
        // RFC 5829 §3.2.
        let successor = config.deprecation_successor.as_ref().map(|uri| format!("<{uri}>; rel=\"successor-version\""));
        Ok(Self { since: written(since), sunset: sunset.map(written), successor: successor.map(written) })
    }
}

fn written(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("dates and URIs can stand in a header")
}
