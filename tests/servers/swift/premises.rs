//! What other tests count on: tokens that end, data that stays, and a client that nobody here wrote. None of it is ours.

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lent::{Keystone, Swift, client};

/// Somebody who is logged in.
struct Session {
    client: Client,
    storage_url: String,
    token: String,
}

impl Session {
    async fn of(swift: &Swift) -> Self {
        let client = client();
        let login = client.get(swift.auth_url()).header("x-auth-user", swift.user()).header("x-auth-key", swift.key());
        let reply = login.send().await.expect("Swift answers");
        assert_eq!(reply.status(), StatusCode::OK);
        let header = |name| reply.headers().get(name).and_then(|value| value.to_str().ok()).expect(name).to_owned();
        let (storage_url, token) = (header("x-storage-url"), header("x-auth-token"));
        assert_eq!(storage_url, swift.storage_url());
        assert_eq!(storage_url, format!("http://{}/v1/AUTH_test", swift.address()));
        Self { client, storage_url, token }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/{path}", self.storage_url)).header("x-auth-token", &self.token)
    }

    async fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> StatusCode {
        let put = self.request(Method::PUT, path).body(body.into()).send();
        put.await.expect("Swift answers").status()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let reply = self.request(Method::GET, path).send().await.expect("Swift answers");
        (reply.status(), reply.text().await.expect("the whole body comes"))
    }
}

#[tokio::test]
async fn a_swift_that_was_killed_has_its_data_and_no_tokens() {
    let Some(swift) = Swift::own("a_swift_that_was_killed_has_its_data_and_no_tokens").await else { return };
    let before = Session::of(&swift).await;
    assert_eq!(before.put("invoices", "").await, StatusCode::CREATED);
    assert_eq!(before.put("invoices/one", "paid").await, StatusCode::CREATED);
    swift.server().kill().await;
    swift.server().start().await;
    assert_eq!(before.get("invoices/one").await.0, StatusCode::UNAUTHORIZED);
    let after = Session::of(&swift).await;
    assert_eq!(after.get("invoices/one").await, (StatusCode::OK, "paid".to_owned()));
    assert_eq!(after.get("invoices").await, (StatusCode::OK, "one\n".to_owned()));
    swift.flush_tokens().await;
    assert_eq!(after.get("invoices/one").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_swift_takes_objects_of_the_size_that_it_is_told() {
    let test = "a_swift_takes_objects_of_the_size_that_it_is_told";
    let Some(swift) = Swift::told(&["--max-file-size", "10000"], test).await else { return };
    let session = Session::of(&swift).await;
    assert_eq!(session.put("invoices", "").await, StatusCode::CREATED);
    assert_eq!(session.put("invoices/small", vec![b'.'; 10_000]).await, StatusCode::CREATED);
    assert_eq!(session.put("invoices/large", vec![b'.'; 10_001]).await, StatusCode::PAYLOAD_TOO_LARGE);
}

/// A folder with a file of so many bytes, and the file's path.
fn file(length: usize) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("file");
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
    std::fs::write(&path, bytes).expect("the file can be written");
    let path = path.display().to_string();
    (folder, path)
}

#[tokio::test]
async fn python_swiftclient_reads_what_it_has_written() {
    let test = "python_swiftclient_reads_what_it_has_written";
    let Some(swift) = Swift::shared(test).await else { return };
    let (_folder, path) = file(2500);
    let container = swift.container("files");
    let put = ["put", &container, "a file", &path, "--segment-size", "1000", "--slo", "--meta", "colour=red"];
    let Some(put) = swift.peer(test, &put).await else { return };
    assert_eq!(put, json!("a file"));
    let stat = swift.peer(test, &["stat", &container, "a file"]).await.unwrap_or_default();
    let header = |name: &str| stat.get(name).and_then(Value::as_str).unwrap_or_default();
    let told = ["content-length", "x-static-large-object", "x-object-meta-colour"].map(header);
    assert_eq!(told, ["2500", "True", "red"]);
    let list = swift.tls_peer(test, &["list", &container]).await.unwrap_or_default();
    let names: Vec<_> = list.as_array().into_iter().flatten().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["a file"]);
    let copy = format!("{path}.copy");
    let get = swift.peer(test, &["get", &container, "a file", &copy]).await;
    assert_eq!(get, Some(json!({"length": 2500})));
    assert_eq!(std::fs::read(copy).expect("it was written"), std::fs::read(path).expect("it is there"));
}

/// Over S3 nobody logs in: who has signed nothing well is told so in S3's own words.
#[tokio::test]
async fn containers_are_buckets_of_s3() {
    let Some(swift) = Swift::shared("containers_are_buckets_of_s3").await else { return };
    let bucket = format!("{}/{}", swift.s3_endpoint(), swift.container("files"));
    let credential = format!("{}/20260101/{}/s3/aws4_request", swift.user(), swift.s3_region());
    let signature = "SignedHeaders=host;x-amz-date, Signature=none";
    let asked = client().get(bucket).header("x-amz-date", "20260101T000000Z").header("x-amz-content-sha256", "none");
    let asked = asked.header("authorization", format!("AWS4-HMAC-SHA256 Credential={credential}, {signature}"));
    let reply = asked.send().await.expect("Swift answers");
    let kind = reply.headers().get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!((reply.status(), kind.as_deref()), (StatusCode::FORBIDDEN, Some("application/xml")));
}

#[tokio::test]
async fn a_user_of_keystone_finds_swift() {
    let test = "a_user_of_keystone_finds_swift";
    let Some(keystone) = Keystone::shared(test).await else { return };
    let (_folder, path) = file(100);
    let container = keystone.container("files");
    let Some(put) = keystone.peer(test, keystone.region(), &["put", &container, "a file", &path]).await else { return };
    assert_eq!(put, json!("a file"));
    let list = keystone.peer(test, keystone.tls_region(), &["list", &container]).await.unwrap_or_default();
    assert_eq!(list.pointer("/0/name"), Some(&json!("a file")));

    let (id, secret) = keystone.application_credential();
    let identity =
        json!({"methods": ["application_credential"], "application_credential": {"id": id, "secret": secret}});
    let login = client().post(format!("{}/auth/tokens", keystone.auth_url()));
    let body = json!({"auth": {"identity": identity}}).to_string();
    let reply = login.header("content-type", "application/json").body(body).send().await.expect("Keystone answers");
    assert_eq!(reply.status(), StatusCode::CREATED);
    let reply: Value = serde_json::from_str(&reply.text().await.expect("the whole body comes")).expect("JSON");
    let told: [&Value; 2] = ["/token/project/id", "/token/user/name"].map(|path| reply.pointer(path).expect(path));
    assert_eq!(told, [keystone.project_id(), keystone.user()]);
    let catalog = reply.pointer("/token/catalog").and_then(Value::as_array).expect("a catalogue");
    let swift = catalog.iter().find(|service| service["type"] == "object-store").expect("Swift is in it");
    let of = |endpoint: &Value| {
        let text = |name: &str| endpoint[name].as_str().unwrap_or_default().to_owned();
        let host = text("url").split(':').take(2).collect::<Vec<_>>().join(":");
        [text("region_id"), text("interface"), host]
    };
    let mut endpoints: Vec<_> = swift["endpoints"].as_array().into_iter().flatten().map(of).collect();
    endpoints.sort();
    let (one, two) = (keystone.region(), keystone.tls_region());
    let expected = [
        [one, "admin", "http://127.0.0.1"],
        [one, "internal", "http://localhost"],
        [one, "public", "http://127.0.0.1"],
        [two, "public", "https://localhost"],
    ];
    assert_eq!(endpoints, expected);
}

#[tokio::test]
async fn a_keystone_that_was_stopped_is_back_with_its_users() {
    let test = "a_keystone_that_was_stopped_is_back_with_its_users";
    let Some(keystone) = Keystone::own(&["--token-life", "60"], test).await else { return };
    let url = keystone.auth_url();
    assert_eq!(client().get(url).send().await.expect("Keystone answers").status(), StatusCode::OK);
    keystone.server().stop().await;
    assert!(client().get(url).send().await.is_err_and(|error| error.is_connect()));
    keystone.server().start().await;
    let (_folder, path) = file(100);
    let put = keystone.peer(test, keystone.region(), &["put", &keystone.container("files"), "one", &path]).await;
    assert!(put.is_none_or(|name| name == json!("one")));
}
