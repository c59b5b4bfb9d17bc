//! Users, and the tokens that they have.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{
    answer::{Answer, Outcome, Refusal},
    request::text,
};

/// How long a token lives unless a test says otherwise, as with TempAuth (`token_life`).
const LIFE: Duration = Duration::from_secs(86400);

/// Who may log in, and who has.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) users: Vec<User>,
    pub(super) applications: Vec<Application>,
    /// What Keystone lists instead of what it lists otherwise.
    pub(super) catalogue: Option<Value>,
    pub(super) life: Duration,
    tokens: HashMap<String, Token>,
    count: u64,
}

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct User {
    /// The account for auth v1, the project for Keystone.
    pub(super) account: String,
    pub(super) name: String,
    pub(super) key: String,
    /// Whether everything in the account is allowed, or nothing.
    pub(super) is_admin: bool,
}

/// An application credential of Keystone.
pub(super) struct Application {
    pub(super) id: String,
    pub(super) secret: String,
    /// Whose rights it has.
    pub(super) user: User,
}

/// What was handed out.
#[derive(Debug)]
struct Token {
    user: User,
    /// Until when, since 1970.
    expires: Duration,
}

/// A token that was handed out: itself, and how long it lives.
pub(super) type Issued = (String, Duration);

impl Default for Tokens {
    fn default() -> Self {
        Self {
            users: vec![User::new("test", "tester", "testing"), User::without_rights("test", "tester3", "testing3")],
            applications: Vec::new(),
            catalogue: None,
            life: LIFE,
            tokens: HashMap::new(),
            count: 0,
        }
    }
}

impl User {
    pub(super) fn new(account: &str, name: &str, key: &str) -> Self {
        Self { account: account.to_owned(), name: name.to_owned(), key: key.to_owned(), is_admin: true }
    }

    fn without_rights(account: &str, name: &str, key: &str) -> Self {
        Self { is_admin: false, ..Self::new(account, name, key) }
    }

    /// Returns the account as paths have it.
    pub(super) fn path(&self) -> String {
        format!("AUTH_{}", self.account)
    }
}

impl Tokens {
    /// Lets somebody in who says `account:user` and a key; a user who was there has the new key.
    pub(super) fn add(&mut self, account_user: &str, key: &str) {
        let (account, name) = account_user.split_once(':').unwrap_or((account_user, account_user));
        self.users.retain(|user| user.account != account || user.name != name);
        self.users.push(User::new(account, name, key));
    }

    /// Answers a login of auth v1. A token that still lives is given again, as TempAuth does.
    pub(super) fn login(&mut self, headers: &HeaderMap, now: Duration) -> Outcome {
        let either = |one, other| text(headers, one).or_else(|| text(headers, other)).unwrap_or_default();
        let account_user = either("x-auth-user", "x-storage-user");
        let key = either("x-auth-key", "x-storage-pass");
        let (account, name) = account_user.split_once(':').unwrap_or_default();
        let known = self.users.iter().find(|user| user.account == account && user.name == name && user.key == key);
        let Some(user) = known.cloned() else { return Ok(unauthorized(account)) };
        let (token, left) = match self.current(&user, now) {
            Some(issued) => issued,
            None => self.issue(&user, now),
        };
        Ok(Answer::new(StatusCode::OK)
            .with("x-storage-url", format_args!("http://memory/v1/{}", user.path()))
            .with("x-auth-token", &token)
            .with("x-storage-token", &token)
            .with("x-auth-token-expires", left.as_secs()))
    }

    fn current(&self, user: &User, now: Duration) -> Option<Issued> {
        let of_user = |token: &&Token| token.user == *user && token.expires > now;
        let (text, token) = self.tokens.iter().find(|(text, token)| text.starts_with("AUTH_tk") && of_user(token))?;
        Some((text.clone(), token.expires.saturating_sub(now)))
    }

    /// Hands out a token as TempAuth writes them.
    fn issue(&mut self, user: &User, now: Duration) -> Issued {
        self.issue_as("AUTH_tk", user, now)
    }

    /// Hands out a token. Those that are over are forgotten.
    pub(super) fn issue_as(&mut self, prefix: &str, user: &User, now: Duration) -> Issued {
        self.tokens.retain(|_, token| token.expires > now);
        self.count += 1;
        let text = format!("{prefix}{:032x}", self.count);
        self.tokens.insert(text.clone(), Token { user: user.clone(), expires: now.saturating_add(self.life) });
        (text, self.life)
    }

    pub(super) fn forget(&mut self) {
        self.tokens.clear();
    }

    /// Tells whether whoever sent these headers may do something in an account.
    pub(super) fn check(&self, headers: &HeaderMap, account: &str, now: Duration) -> Outcome<()> {
        let sent = text(headers, "x-auth-token").or_else(|| text(headers, "x-storage-token"));
        let token = sent.and_then(|sent| self.tokens.get(sent)).filter(|token| token.expires > now);
        match token {
            None => Err(Refusal::from(StatusCode::UNAUTHORIZED)),
            Some(token) if token.user.is_admin && token.user.path() == account => Ok(()),
            Some(_) => Err(Refusal::from(StatusCode::FORBIDDEN)),
        }
    }
}

fn unauthorized(account: &str) -> Answer {
    let realm = if account.is_empty() { "unknown" } else { account };
    Answer::from(Refusal::from(StatusCode::UNAUTHORIZED))
        .with("www-authenticate", format_args!("Swift realm=\"{realm}\""))
}

/// Says who it is, never what proves it.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({}:{})", self.account, self.name)
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Application({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::memory::{SwiftServer, kit};

    #[tokio::test(start_paused = true)]
    async fn who_is_known_gets_a_token_and_keeps_it_while_it_lives() {
        let server = SwiftServer::new();
        server.set_token_life(Duration::from_secs(60));
        let first = kit::login(&server, "test:tester", "testing").await;
        assert_eq!(first.header("x-storage-url"), "http://memory/v1/AUTH_test");
        assert_eq!((first.status, first.header("x-auth-token-expires")), (200, "60"));
        tokio::time::sleep(Duration::from_secs(40)).await;
        let again = kit::login(&server, "test:tester", "testing").await;
        assert_eq!(again.header("x-auth-token"), first.header("x-auth-token"));
        tokio::time::sleep(Duration::from_secs(40)).await;
        let later = kit::login(&server, "test:tester", "testing").await;
        assert_ne!(later.header("x-storage-token"), first.header("x-auth-token"));
        assert_eq!((server.calls("login"), server.calls("GET")), (3, 0));
    }

    #[tokio::test]
    async fn others_are_refused() {
        let server = SwiftServer::new();
        server.with_user("other:somebody", "key");
        for (user, key) in [("test:tester", "wrong"), ("test:nobody", "testing"), ("tester", "testing"), ("", "")] {
            let refused = kit::login(&server, user, key).await;
            assert_eq!((refused.status, refused.has("x-auth-token")), (401, false), "{user}");
        }
        for (user, key, status) in
            [("test:tester", "testing", 204), ("test:tester3", "testing3", 403), ("other:somebody", "key", 403)]
        {
            assert_eq!(
                kit::caller_as(&server, user, key).await.send("HEAD", "", &[], "").await.status,
                status,
                "{user}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_token_is_refused() {
        let server = SwiftServer::new();
        server.set_token_life(Duration::from_secs(60));
        let caller = kit::caller(&server).await;
        assert_eq!(caller.send("HEAD", "", &[], "").await.status, 204);
        server.forget_tokens();
        assert_eq!(caller.send("HEAD", "", &[], "").await.status, 401);
        let caller = kit::caller(&server).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(caller.send("HEAD", "", &[], "").await.status, 401);
    }
}
