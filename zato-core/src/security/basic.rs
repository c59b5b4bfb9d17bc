use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq;

use super::{BasicAuthConfig, only, quoted};

/// Tells whether the `Authorization` header carries this user name and password (RFC 7617 §2).
pub(super) fn is_right(config: &BasicAuthConfig, headers: &HeaderMap) -> bool {
    let Some(presented) = only(headers, header::AUTHORIZATION.as_str()).and_then(user_and_password) else {
        return false;
    };
    let colon = presented.iter().position(|byte| *byte == b':').unwrap_or(presented.len());
    let (username, password) = presented.split_at(colon);
    let username_is_right = bool::from(config.username.as_bytes().ct_eq(username));
    let password_is_right = config.password.eq_constant_time(password.get(1..).unwrap_or_default());
    // `&` and not `&&`: the answer takes as long whichever of them is wrong.
    username_is_right & password_is_right
}

/// Returns what stands behind the scheme, whose name is not case-sensitive (RFC 9110 §11.1), decoded.
fn user_and_password(header: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(header).ok()?;
    let (scheme, credentials) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    BASE64_STANDARD.decode(credentials.trim()).ok()
}

pub(super) fn challenge(config: &BasicAuthConfig) -> HeaderValue {
    let text = format!("Basic realm={}, charset=\"UTF-8\"", quoted(&config.realm));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Basic realm=\"zato\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config::Secret,
        security::{SecurityConfig, Verifier},
    };

    fn verifier(is_active: bool) -> Verifier {
        let config = BasicAuthConfig {
            name: "CRM".to_owned(),
            is_active,
            username: "api".to_owned(),
            password: Secret::new("se:cret"),
            realm: "the \"CRM\"".to_owned(),
            rate_limiting: Vec::new(),
        };
        Verifier::new(Arc::new(SecurityConfig::BasicAuth(config)))
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_the_right_credentials_given_once_are_let_in() {
        let right = format!("Basic {}", BASE64_STANDARD.encode("api:se:cret"));
        let lower = format!("basic  {}", BASE64_STANDARD.encode("api:se:cret"));
        for good in [&right, &lower] {
            assert_eq!(verifier(true).verify((&headers(&[good])).into()).unwrap().username, "api");
        }
        let encoded = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        let wrong = [encoded("api:"), encoded("api"), encoded(""), encoded("API:se:cret"), encoded("api:secret")];
        for bad in wrong.iter().map(String::as_str).chain(["Basic", "Basic ???", "Bearer abc", "", "Basic \u{e4}"]) {
            let denied = verifier(true).verify((&headers(&[bad])).into()).unwrap_err();
            assert_eq!(denied.challenge, r#"Basic realm="the \"CRM\"", charset="UTF-8""#, "{bad}");
        }
        assert!(verifier(true).verify((&headers(&[])).into()).is_err(), "missing");
        assert!(verifier(true).verify((&headers(&[&right, &right])).into()).is_err(), "doubled");
        assert!(verifier(false).verify((&headers(&[&right])).into()).is_err(), "inactive");
    }
}
