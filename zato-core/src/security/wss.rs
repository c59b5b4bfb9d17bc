//! A user name and password in the header of a SOAP envelope: WS-Security UsernameToken Profile 1.1.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, NaiveDateTime, Utc};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::WssConfig;

/// How many nonces are remembered, in all definitions together: some 10 MB. With more of them within the time that tokens
/// are taken, the oldest are forgotten, and tokens as old as those refused from then on.
const NONCES: usize = if cfg!(test) { 1_000 } else { 100_000 };

/// A token as it was presented.
///
/// ```
/// use zato_core::security::{TokenPassword, UsernameToken};
///
/// let token = UsernameToken { username: "partner".into(), password: TokenPassword::Text("not-a-secret".into()), nonce: None, created: None };
/// assert_eq!(format!("{token:?}"), "UsernameToken(\"partner\")");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct UsernameToken {
    /// The user name.
    pub username: String,
    /// What proves it.
    pub password: TokenPassword,
    /// A number that the sender uses once, decoded.
    pub nonce: Option<Vec<u8>>,
    /// When it was made, as it is written.
    pub created: Option<String>,
}

/// What proves a user name.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenPassword {
    /// The password.
    Text(String),
    /// `Base64(SHA-1(nonce + created + password))`.
    Digest(String),
}

/// Says nothing of the password.
impl std::fmt::Debug for UsernameToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UsernameToken").field(&self.username).finish()
    }
}

impl std::fmt::Debug for TokenPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Digest(_) => "Digest",
        })
    }
}

/// Returns the digest of a password (UsernameToken Profile 1.1 §3.1).
///
/// ```
/// use zato_core::security::password_digest;
///
/// assert_eq!(password_digest(b"nonce", "2026-01-01T00:00:00Z", "not-a-secret"), "+vnFDmDYbTpX0H7nw76G77cMnTs=");
/// ```
#[must_use]
pub fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let digest = Sha1::new().chain_update(nonce).chain_update(created).chain_update(password).finalize();
    BASE64_STANDARD.encode(digest)
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It lacks something, or something in it can't be read.
    Unusable(&'static str),
    /// It is older, or further ahead, than it may be.
    Expired,
    /// It is wrong, or was used before.
    Wrong(&'static str),
}

/// Tells whether a token is right, and was not used before.
pub(super) fn check(
    config: &WssConfig,
    token: &UsernameToken,
    now: DateTime<Utc>,
    nonces: &Nonces,
) -> Result<(), NotTaken> {
    let is_digest = matches!(token.password, TokenPassword::Digest(_));
    if config.use_digest && !is_digest {
        return Err(NotTaken::Unusable("the password is not a digest"));
    }
    if is_digest && config.reject_empty_nonce_creat && (token.nonce.is_none() || token.created.is_none()) {
        return Err(NotTaken::Unusable("the digest has no nonce or no time"));
    }
    let created = token.created.as_deref().map(time).transpose()?;
    let limit = chrono::Duration::from_std(config.reject_expiry_limit.0).unwrap_or(chrono::Duration::MAX);
    // Before the password, so that it says nothing of that.
    if created.is_some_and(|created| now.signed_duration_since(created).abs() > limit) {
        return Err(NotTaken::Expired);
    }
    let password_is_right = match &token.password {
        TokenPassword::Text(password) => config.password.eq_constant_time(password.as_bytes()),
        TokenPassword::Digest(digest) => {
            let (nonce, created) = (token.nonce.as_deref().unwrap_or_default(), token.created.as_deref());
            let right = password_digest(nonce, created.unwrap_or_default(), config.password.expose());
            bool::from(right.as_bytes().ct_eq(digest.as_bytes()))
        }
    };
    let username_is_right = bool::from(config.username.as_bytes().ct_eq(token.username.as_bytes()));
    // `&` and not `&&`: the answer takes as long whichever of them is wrong.
    if !(username_is_right & password_is_right) {
        return Err(NotTaken::Wrong("the user name or password of the token is wrong"));
    }
    // Last, so that only who knows the password makes us remember anything.
    match (&token.nonce, created) {
        (Some(nonce), Some(created)) if !nonces.is_new(&config.name, nonce, created, created + limit, now) => {
            Err(NotTaken::Wrong("the token was used before"))
        }
        _ => Ok(()),
    }
}

/// Reads a time; one without a zone is in UTC (WS-Security 1.1 §10).
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, NotTaken> {
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc());
    zoned.or_else(|_| plain()).map_err(|_| NotTaken::Unusable("a time can't be read"))
}

/// Which tokens were taken, for as long as they could be taken again.
///
/// It is that of one process: where several serve the same callers, a token can be used once with each of them.
///
/// ```
/// use zato_core::security::Nonces;
///
/// let nonces = Nonces::default();
/// assert!(format!("{nonces:?}").contains("count: 0"));
/// ```
#[derive(Default)]
pub struct Nonces {
    taken: Mutex<Taken>,
    /// Of this process alone, so that nobody can choose nonces that are taken for others.
    hasher: RandomState,
}

#[derive(Default)]
struct Taken {
    known: HashSet<u64>,
    /// In the order in which they can be forgotten.
    ends: BTreeSet<(i64, u64)>,
    /// Tokens that end before this may have been forgotten although they could still be taken.
    horizon: i64,
}

impl Nonces {
    /// Notes a token; `false` if it was taken before, or if that can't be told any more.
    fn is_new(
        &self,
        definition: &str,
        nonce: &[u8],
        created: DateTime<Utc>,
        ends: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let hash = self.hasher.hash_one((definition, nonce, created));
        let (ends, now) = (ends.timestamp_millis(), now.timestamp_millis());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = taken.ends.first().copied().filter(|(end, _)| *end < now) {
            taken.ends.remove(&first);
            taken.known.remove(&first.1);
        }
        if ends <= taken.horizon || !taken.known.insert(hash) {
            return false;
        }
        taken.ends.insert((ends, hash));
        if taken.ends.len() > NONCES
            && let Some((end, hash)) = taken.ends.pop_first()
        {
            taken.known.remove(&hash);
            taken.horizon = end;
        }
        true
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.taken.lock().unwrap_or_else(PoisonError::into_inner).known.len();
        f.debug_struct("Nonces").field("count", &count).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{from_node, yaml};

    fn config(more: &str) -> WssConfig {
        let text = format!("{{name: w1, username: u, password: not-a-secret{more}}}");
        from_node(&yaml::parse("zato.yaml", &text).unwrap()).unwrap()
    }

    fn now() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn text(username: &str, password: &str) -> UsernameToken {
        let (username, password) = (username.to_owned(), TokenPassword::Text(password.to_owned()));
        UsernameToken { username, password, nonce: None, created: None }
    }

    fn digest(nonce: &[u8], created: &str) -> UsernameToken {
        let password = TokenPassword::Digest(password_digest(nonce, created, "not-a-secret"));
        let (nonce, created) = (Some(nonce.to_vec()), Some(created.to_owned()));
        UsernameToken { username: "u".to_owned(), password, nonce, created }
    }

    #[test]
    fn a_password_is_right_as_text_or_as_digest() {
        let nonces = Nonces::default();
        let check = |token: UsernameToken, more: &str| check(&config(more), &token, now(), &nonces);
        assert_eq!(check(text("u", "not-a-secret"), ""), Ok(()));
        assert!(matches!(check(text("u", "other"), ""), Err(NotTaken::Wrong(_))));
        assert!(matches!(check(text("U", "not-a-secret"), ""), Err(NotTaken::Wrong(_))));
        assert!(matches!(check(text("u", "not-a-secret"), ", use_digest: true"), Err(NotTaken::Unusable(_))));
        assert_eq!(check(digest(b"1", "2026-01-01T00:00:00Z"), ", use_digest: true"), Ok(()));
        assert_eq!(check(digest(b"2", "2025-12-31T23:59:00.123"), ""), Ok(()), "in UTC, without saying so");
        let wrong = UsernameToken { nonce: Some(b"4".to_vec()), ..digest(b"3", "2026-01-01T00:00:00Z") };
        assert!(matches!(check(wrong, ""), Err(NotTaken::Wrong(_))));
        let without = UsernameToken { nonce: None, ..digest(b"", "2026-01-01T00:00:00Z") };
        assert!(matches!(check(without.clone(), ""), Err(NotTaken::Unusable(_))));
        assert_eq!(check(without, ", reject_empty_nonce_creat: false"), Ok(()));
    }

    #[test]
    fn a_token_is_taken_once_and_while_it_is_fresh() {
        let nonces = Nonces::default();
        let check = |created: &str, now: &str| {
            let token = digest(b"n", created);
            check(&config(", reject_expiry_limit: 1m"), &token, now.parse().unwrap(), &nonces)
        };
        assert_eq!(check("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"), Ok(()));
        assert!(matches!(check("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"), Err(NotTaken::Wrong(_))));
        assert_eq!(check("2026-01-01T00:00:00Z", "2026-01-01T00:01:01Z"), Err(NotTaken::Expired));
        assert_eq!(check("2026-01-01T00:02:02Z", "2026-01-01T00:01:01Z"), Err(NotTaken::Expired));
        assert_eq!(check("2026-01-01T00:02:01Z", "2026-01-01T00:01:01Z"), Ok(()), "another time is another token");
        assert!(matches!(check("now", "2026-01-01T00:01:01Z"), Err(NotTaken::Unusable(_))));
    }

    #[test]
    fn what_was_forgotten_for_want_of_room_is_refused() {
        let nonces = Nonces::default();
        let created = |seconds: i64| now() + chrono::Duration::seconds(seconds);
        let is_new = |number: usize, at: DateTime<Utc>| {
            nonces.is_new("w1", &number.to_be_bytes(), at, at + chrono::Duration::hours(1), now())
        };
        assert!(is_new(0, created(0)));
        for number in 1..=NONCES {
            assert!(is_new(number, created(1)));
        }
        assert!(!is_new(0, created(0)), "used before, and forgotten");
        assert!(!is_new(NONCES + 1, created(0)), "nobody knows any more");
        assert!(is_new(NONCES + 2, created(2)));
        assert!(nonces.taken.lock().unwrap().known.len() <= NONCES);
    }
}
