//! A Swift in the test's own process: what Swift 2.30 does, as far as HTTP messages can tell, with the logins of TempAuth
//! and Keystone v3.
//!
//! It takes requests and gives answers without a socket, so that everything above is the same on this one and on a server
//! elsewhere. An object is stored when its body has come in whole, under one lock, and time is tokio's: a test that pauses
//! it sees tokens and objects expire as soon as it likes. The contract suite runs against a real Swift, too, and that one
//! is right.

mod account;
mod answer;
mod body;
mod bulk;
mod checksum;
mod clock;
mod conditions;
mod container;
mod copy;
mod expiry;
mod faults;
mod keystone;
#[cfg(test)]
pub(crate) mod kit;
mod listing;
mod manifest;
mod manifest_input;
mod metadata;
mod object;
mod ranges;
mod read;
mod request;
mod segment;
mod server;
mod signature;
mod store;
mod tempurl;
mod tokens;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use zato_core::{Result, message::ByteStream};

use self::{
    answer::{Answer, Refusal, broken},
    faults::Taken,
    request::{Call, LOGIN, Place, Query, Target},
    server::Server,
    tokens::{Application, User},
};

/// The account whose content tests look at.
const ACCOUNT: &str = "AUTH_test";

/// A Swift in the test's own process. A clone is the same server.
///
/// It knows the user `tester` with the key `testing` in the account `test`, and `tester3` with `testing3`, who has no rights.
/// It answers at every host: logins of auth v1 at `/auth/v1.0`, those of Keystone at `/v3/auth/tokens`. Where a method is
/// named, upper and lower case are the same, and `LOGIN` stands for logins of both kinds, which are no `GET` or `POST` here.
///
/// ```
/// use zato_swift::memory::SwiftServer;
///
/// let server = SwiftServer::new();
/// server.fail_next("PUT", 503);
/// assert_eq!(server.calls("PUT"), 0);
/// assert!(server.object("invoices", "2026/1.json").is_none());
/// ```
#[derive(Clone, Default)]
pub struct SwiftServer(Arc<Mutex<Server>>);

impl SwiftServer {
    /// Starts a server that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a user in, who is called `account:user` and may do everything in that account. One who was there has a new key.
    pub fn with_user(&self, account_user: &str, key: &str) {
        self.lock().tokens.add(account_user, key);
    }

    /// Makes an application credential of Keystone, which may do what an `account:user` may.
    ///
    /// One for a user who isn't known may do everything in that account.
    pub fn with_application_credential(&self, id: &str, secret: &str, account_user: &str) {
        let (account, name) = account_user.split_once(':').unwrap_or((account_user, account_user));
        let mut server = self.lock();
        let tokens = &mut server.tokens;
        let known = tokens.users.iter().find(|user| user.account == account && user.name == name);
        let user = known.cloned().unwrap_or_else(|| User::new(account, name, ""));
        tokens.applications.push(Application { id: id.to_owned(), secret: secret.to_owned(), user });
    }

    /// Has Keystone list these entries, the `catalog` of a token, instead of its own: an identity service, and an object
    /// store in the region `RegionOne` with endpoints for the public, internals and admins.
    pub fn with_catalogue(&self, entries: serde_json::Value) {
        self.lock().tokens.catalogue = Some(entries);
    }

    /// Returns how many requests of a method came so far, those that failed included.
    #[must_use]
    pub fn calls(&self, verb: &str) -> u64 {
        self.lock().calls.get(&verb.to_ascii_uppercase()).copied().unwrap_or(0)
    }

    /// Forgets all tokens: whoever has one is answered 401 and has to log in again.
    pub fn forget_tokens(&self) {
        self.lock().tokens.forget();
    }

    /// Sets how long the tokens live that are handed out from now on; a day if nobody says so.
    pub fn set_token_life(&self, life: Duration) {
        self.lock().tokens.life = life;
    }

    /// Sets how many bytes one object may have; 5 GiB if nobody says so.
    pub fn set_max_object_size(&self, bytes: u64) {
        self.lock().max_object_size = bytes;
    }

    /// Has one replica stay as it is now, which is the one that objects are read from, unless `X-Newest` asks all; or no longer.
    pub fn set_behind(&self, is_behind: bool) {
        let mut server = self.lock();
        server.stale = is_behind.then(|| server.store.clone());
    }

    /// Answers the next request of a method with a status, without carrying it out. Several are given in turn.
    pub fn fail_next(&self, method: &str, status: u16) {
        self.fail_next_times(method, status, 1);
    }

    /// The same for so many requests.
    pub fn fail_next_times(&self, method: &str, status: u16, times: u32) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.lock().faults.plan(method).statuses.push_back((status, times));
    }

    /// Breaks the next connection of a method once so many bytes went through, or at the body's end: of the answer's for
    /// `GET`, otherwise of the request's, and then nothing comes of it.
    pub fn break_next(&self, method: &str, after_bytes: u64) {
        self.lock().faults.plan(method).breaks.push_back(after_bytes);
    }

    /// Carries out the next request of a method and breaks its connection, so that nobody hears of it.
    pub fn lose_next_answer(&self, method: &str) {
        self.lock().faults.plan(method).lost += 1;
    }

    /// Makes one byte another one in the next request of a method: of what is answered for `GET`, otherwise of what comes in.
    pub fn corrupt_next(&self, method: &str) {
        self.lock().faults.plan(method).corrupt += 1;
    }

    /// Waits so long before the next request of a method is looked at.
    pub fn delay_next(&self, method: &str, delay: Duration) {
        self.lock().faults.plan(method).delays.push_back(delay);
    }

    /// Lets so many requests of a method pass before they meet what is planned for them.
    pub fn pass_next(&self, method: &str, requests: u32) {
        self.lock().faults.plan(method).passed = requests;
    }

    /// Returns whether requests of a method are still to meet something that is planned for them.
    #[must_use]
    pub fn has_planned(&self, method: &str) -> bool {
        self.lock().faults.has_planned(method)
    }

    /// Refuses connections and breaks those that are there, or lets them in again.
    pub fn set_down(&self, is_down: bool) {
        let mut server = self.lock();
        server.faults.is_down = is_down;
        server.faults.end = None;
    }

    /// Refuses connections as soon as so many further requests were answered. The one after those nobody hears of, either: it is
    /// carried out nevertheless, or not.
    pub fn set_down_after(&self, requests: u64, is_carried_out: bool) {
        self.lock().faults.end = Some((requests, is_carried_out));
    }

    /// Returns whether connections are refused.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.lock().faults.is_down
    }

    /// Returns what an object of the account `test` holds, large ones put together; none if it or a part of it is missing.
    #[must_use]
    pub fn object(&self, container: &str, name: &str) -> Option<Bytes> {
        let (account, container, name) = (ACCOUNT.to_owned(), container.to_owned(), name.to_owned());
        let server = self.lock();
        read::whole(&server.store, &Place { account, container, name }, server.clock.now())
    }

    /// Returns the names of a container's objects in the account `test`, those that came to their end included.
    #[must_use]
    pub fn objects(&self, container: &str) -> Vec<String> {
        let server = self.lock();
        let container = server.store.container(ACCOUNT, container);
        container.map(|container| container.objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// Takes a request and gives what is answered; an error is a connection that could not be made, or broke.
    pub(crate) async fn answer(&self, request: Request<ByteStream>) -> Result<Response<ByteStream>> {
        let (parts, body) = request.into_parts();
        let method = parts.method.clone();
        let word = if Target::is_login(parts.uri.path()) { LOGIN } else { method.as_str() };
        let faults = self.lock().begin(word)?;
        if let Some(delay) = faults.delay {
            tokio::time::sleep(delay).await;
        }
        let answer = match faults.status {
            Some(status) => Answer::from(Refusal::from(status)),
            None => self.carry_out(parts, body, &faults).await?,
        };
        if faults.is_last {
            self.set_down(true);
        }
        if faults.is_lost {
            return Err(broken());
        }
        let answer = self.lock().sign(answer);
        Ok(answer.into_response(&method, &faults))
    }

    async fn carry_out(&self, parts: Parts, body: ByteStream, faults: &Taken) -> Result<Answer> {
        let mut call = match Call::read(parts) {
            Ok(call) => call,
            Err(refusal) => return Ok(refusal.into()),
        };
        let length = body::announced(&call).or(body.length());
        let admitted = self.lock().admit(&call, length);
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return Ok(refusal.into()),
        };
        if admitted.pass.is_some() {
            // Nothing else that stands in such a URL was signed.
            call.query = Query::default();
        }
        let body = match body::read(self, &call, body, admitted.limit, faults).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(refusal.into()),
        };
        let answer = self.lock().carry_out(&call, &body).unwrap_or_else(Answer::from);
        Ok(match admitted.pass {
            Some(pass) => pass.dress(answer),
            None => answer,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SwiftServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.lock().calls.values().sum::<u64>();
        f.debug_struct("SwiftServer").field("calls", &calls).finish_non_exhaustive()
    }
}
