//! Swift: with users of its own, and behind Keystone.

use std::path::Path;

use md5::{Digest as _, Md5};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Lent, fresh_name};
use crate::{
    node::{self, Node},
    partner::SWIFTCLIENT,
};

/// A Swift, as one test sees it.
#[derive(Debug)]
pub(crate) struct Swift {
    lent: Lent,
    /// What every container of this test begins with; empty for an own server.
    prefix: String,
}

impl Swift {
    /// The one that all tests share; see [`Lent::shared`]. Every container of the test has to be one of
    /// [`container`](Self::container), and nothing of the account may be changed.
    pub(crate) async fn shared(test: &str) -> Option<Self> {
        Some(Self { lent: Lent::shared(&node::Swift, test).await?, prefix: fresh_name('-') + "-" })
    }

    /// One that nobody else uses; see [`Lent::own`]. What it has taken is there when it is started again, also after it
    /// was killed; no token is.
    pub(crate) async fn own(test: &str) -> Option<Self> {
        Self::told(&[], test).await
    }

    /// The same, told more than every one is: `["--token-life", "5"]`, in seconds, or `["--max-file-size", "1000000"]`, in
    /// bytes.
    pub(crate) async fn told(arguments: &[&str], test: &str) -> Option<Self> {
        Some(Self { lent: Lent::own(&node::Swift, arguments, test).await?, prefix: String::new() })
    }

    /// Where to log in.
    pub(crate) fn auth_url(&self) -> &str {
        self.detail("AUTH_URL")
    }

    /// The same over TLS; the account is where that is, then.
    pub(crate) fn tls_auth_url(&self) -> &str {
        self.detail("TLS_AUTH_URL")
    }

    /// Where to connect, as host and port.
    pub(crate) fn address(&self) -> &str {
        self.lent.place().url.strip_prefix("http://").expect("it has this scheme")
    }

    /// Who has the account.
    pub(crate) fn user(&self) -> &str {
        self.detail("USER")
    }

    /// The user's key.
    pub(crate) fn key(&self) -> &str {
        self.detail("KEY")
    }

    /// Where the user's account is.
    pub(crate) fn storage_url(&self) -> &str {
        self.detail("STORAGE_URL")
    }

    /// Where the same account is over S3: containers are buckets, [`user`](Self::user) is the access key's id and
    /// [`key`](Self::key) the secret.
    pub(crate) fn s3_endpoint(&self) -> &str {
        self.detail("S3_ENDPOINT")
    }

    /// The region that goes into S3's signatures.
    pub(crate) fn s3_region(&self) -> &str {
        self.detail("S3_REGION")
    }

    /// The name of a container of this test.
    pub(crate) fn container(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The file of the authority that signed the server's certificate.
    pub(crate) fn authority(&self) -> &Path {
        self.lent.authority()
    }

    /// The server, to stop, kill, pause and start it if it is this test's alone.
    pub(crate) fn server(&self) -> &Lent {
        &self.lent
    }

    /// Makes an own server refuse every token that it has given out.
    pub(crate) async fn flush_tokens(&self) {
        assert!(self.lent.is_own(), "tokens of a user are everybody's");
        let flushed = client().post(self.detail("FLUSH_URL")).send().await;
        let status = flushed.unwrap_or_else(|error| panic!("the server can't do that: {error}")).status();
        assert_eq!(status, 204, "tokens are flushed");
    }

    /// Makes an own server list objects in a container that it does not have: to put fifty thousand takes minutes. The server
    /// of containers is told of them as it is of what others have listed until now (`UPDATE` of Swift's
    /// `container/server.py`).
    pub(crate) async fn list_more(&self, container: &str, names: impl Iterator<Item = String>) {
        let entry = |name| {
            json!({"name": name, "created_at": "1700000000.00000", "size": 1, "content_type": "text/plain",
                "etag": "d41d8cd98f00b204e9800998ecf8427e", "deleted": 0, "storage_policy_index": 0})
        };
        let entries: Vec<Value> = names.map(entry).collect();
        // As `xtask/swift.py` has the hash and the ring.
        let [first, ..] = <[u8; 16]>::from(Md5::digest(format!("test/AUTH_test/{container}test")));
        let port = self.lent.on_node(|node: &mut Node| Ok(node.port(3))).await;
        let url = format!("http://127.0.0.1:{port}/d1/{}/AUTH_test/{container}", first >> 4);
        let update = client().request(Method::from_bytes(b"UPDATE").expect("it is a word"), url);
        let told = update.header("x-timestamp", "1700000000.00000").body(Value::from(entries).to_string()).send().await;
        let status = told.unwrap_or_else(|error| panic!("the server can't do that: {error}")).status();
        assert_eq!(status, 202, "entries are listed");
    }

    /// Has python-swiftclient do something that `tests/servers/swift/peer.py` tells of, and returns what it prints.
    pub(crate) async fn peer(&self, test: &str, arguments: &[&str]) -> Option<Value> {
        let variables = [("ST_AUTH", self.auth_url()), ("ST_USER", self.user()), ("ST_KEY", self.key())];
        SWIFTCLIENT.run_with(test, &variables, arguments).await
    }

    /// The same over TLS.
    pub(crate) async fn tls_peer(&self, test: &str, arguments: &[&str]) -> Option<Value> {
        let authority = self.authority().display().to_string();
        let login = [("ST_AUTH", self.tls_auth_url()), ("ST_USER", self.user()), ("ST_KEY", self.key())];
        let variables = [&login[..], &[("OS_CACERT", authority.as_str())]].concat();
        SWIFTCLIENT.run_with(test, &variables, arguments).await
    }

    fn detail(&self, name: &str) -> &str {
        self.lent.place().detail(name)
    }
}

/// A client that looks for no proxy: everything is on this machine.
pub(crate) fn client() -> Client {
    // Where another part of the build has it speak TLS, reqwest looks for a provider of cryptography.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client without TLS")
}

/// A Keystone with a Swift that asks it whose a token is, as one test sees it.
#[derive(Debug)]
pub(crate) struct Keystone {
    lent: Lent,
    /// What every container of this test begins with; empty for an own server.
    prefix: String,
}

impl Keystone {
    /// The one that all tests share; see [`Lent::shared`]. Every container of the test has to be one of
    /// [`container`](Self::container).
    pub(crate) async fn shared(test: &str) -> Option<Self> {
        Some(Self { lent: Lent::shared(&node::Keystone, test).await?, prefix: fresh_name('-') + "-" })
    }

    /// One that nobody else uses; see [`Lent::own`]. Only Keystone is stopped, killed and paused: its Swift stays, and
    /// refuses every token meanwhile. It can be told more: `["--token-life", "60"]`, in seconds.
    pub(crate) async fn own(arguments: &[&str], test: &str) -> Option<Self> {
        Some(Self { lent: Lent::own(&node::Keystone, arguments, test).await?, prefix: String::new() })
    }

    /// Where to log in: the address of version 3 of its API.
    pub(crate) fn auth_url(&self) -> &str {
        self.detail("AUTH_URL")
    }

    /// Who may do everything in the project, and is in the domain `Default`.
    pub(crate) fn user(&self) -> &str {
        self.detail("USER")
    }

    /// The user's password.
    pub(crate) fn key(&self) -> &str {
        self.detail("KEY")
    }

    /// The user's project, in the domain `Default`.
    pub(crate) fn project(&self) -> &str {
        self.detail("PROJECT")
    }

    /// The id of that.
    pub(crate) fn project_id(&self) -> &str {
        self.detail("PROJECT_ID")
    }

    /// The id and the secret of the user's application credential.
    pub(crate) fn application_credential(&self) -> (&str, &str) {
        (self.detail("APPLICATION_CREDENTIAL_ID"), self.detail("APPLICATION_CREDENTIAL_SECRET"))
    }

    /// Where Swift is: it has an address for each interface there, 127.0.0.1 for the public one, `localhost` for the
    /// internal one.
    pub(crate) fn region(&self) -> &str {
        self.detail("REGION")
    }

    /// Where Swift is found over TLS, and has no interface that is not public.
    pub(crate) fn tls_region(&self) -> &str {
        self.detail("TLS_REGION")
    }

    /// The name of a container of this test.
    pub(crate) fn container(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The file of the authority that signed Swift's certificate.
    pub(crate) fn authority(&self) -> &Path {
        self.lent.authority()
    }

    /// Keystone, to stop, kill, pause and start it if it is this test's alone.
    pub(crate) fn server(&self) -> &Lent {
        &self.lent
    }

    /// As [`Swift::peer`], with the user's password and in a region.
    pub(crate) async fn peer(&self, test: &str, region: &str, arguments: &[&str]) -> Option<Value> {
        let authority = self.authority().display().to_string();
        let variables = [
            ("ST_AUTH_VERSION", "3"),
            ("OS_AUTH_URL", self.auth_url()),
            ("OS_USERNAME", self.user()),
            ("OS_PASSWORD", self.key()),
            ("OS_PROJECT_NAME", self.project()),
            ("OS_USER_DOMAIN_NAME", "Default"),
            ("OS_PROJECT_DOMAIN_NAME", "Default"),
            ("OS_REGION_NAME", region),
            ("OS_CACERT", authority.as_str()),
        ];
        SWIFTCLIENT.run_with(test, &variables, arguments).await
    }

    fn detail(&self, name: &str) -> &str {
        self.lent.place().detail(name)
    }
}
