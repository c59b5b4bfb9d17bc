use http::{HeaderMap, HeaderValue};

use super::{ApiKeyConfig, only};

/// Tells whether the definition's header carries its key.
pub(super) fn is_right(config: &ApiKeyConfig, headers: &HeaderMap) -> bool {
    only(headers, config.header.as_str()).is_some_and(|key| config.password.eq_constant_time(key))
}

/// Names the header to send; the scheme is our own, since none is registered for keys and RFC 9110 §15.5.2 demands one.
pub(super) fn challenge(config: &ApiKeyConfig) -> HeaderValue {
    HeaderValue::from_str(&format!("ApiKey header=\"{}\"", config.header)).unwrap_or(HeaderValue::from_static("ApiKey"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config::Secret,
        security::{SecurityConfig, Verifier},
    };

    #[test]
    fn only_the_right_key_given_once_is_let_in() {
        let config = ApiKeyConfig {
            name: "Partner".to_owned(),
            is_active: true,
            username: None,
            password: Secret::new("key-1"),
            header: http::HeaderName::from_static("x-api-key"),
            rate_limiting: Vec::new(),
        };
        let verifier = Verifier::new(Arc::new(SecurityConfig::ApiKey(config)));
        let headers = |values: &[&'static str]| -> HeaderMap {
            let named =
                |value: &&'static str| (http::HeaderName::from_static("x-api-key"), HeaderValue::from_static(value));
            values.iter().map(named).collect()
        };
        assert_eq!(verifier.verify((&headers(&["key-1"])).into()).unwrap().username, "Partner");
        for bad in [&[][..], &["key-2"], &["key-1", "key-1"], &[""], &["key-11"], &["KEY-1"]] {
            assert_eq!(
                verifier.verify((&headers(bad)).into()).unwrap_err().challenge,
                "ApiKey header=\"x-api-key\"",
                "{bad:?}"
            );
        }
    }
}
