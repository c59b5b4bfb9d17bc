//! Temporary URLs, as somebody uses them who has nothing else.

use std::time::Duration;

use http::{HeaderMap, Method, Request};
use zato_core::{Kind, bytes::Bytes, message::ByteStream};

use super::kit::{Kit, everywhere, fake};
use crate::{
    Metadata,
    testing::FakeSwift,
    tls::{self, Tls},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Makes a request without a token, at whatever server it is.
async fn ask(kit: &Kit, method: Method, url: &str, body: &'static str) -> (u16, HeaderMap, Bytes) {
    if let Some(server) = kit.server() {
        let mut request = Request::new(ByteStream::new(futures_util::stream::iter([Ok(Bytes::from(body))])));
        (*request.method_mut(), *request.uri_mut()) = (method, url.parse().unwrap());
        let (parts, body) = server.answer(request).await.unwrap().into_parts();
        return (parts.status.as_u16(), parts.headers, body.bytes_within(1000).await.unwrap());
    }
    #[cfg(feature = "tls")]
    let tls = Tls::trusting_nobody();
    #[cfg(not(feature = "tls"))]
    let tls = Tls;
    let client = tls::configure(reqwest::Client::builder().no_proxy(), &tls).build().unwrap();
    let answer = client.request(method, url).body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.unwrap())
}

/// Connects everywhere, with a key that the container has.
async fn kits() -> Vec<(Kit, String)> {
    let mut kits = Vec::new();
    for kit in everywhere("temp_url_key: of the connection").await {
        let name = kit.container("urls ż").await;
        let metadata = Metadata::new().with("Temp-URL-Key", "of the connection").with("Temp-URL-Key-2", "another");
        kit.swift.container(&name).set_metadata(&metadata).await.unwrap();
        kits.push((kit, name));
    }
    kits
}

#[tokio::test]
async fn who_has_one_may_do_what_it_says_and_nothing_else() {
    for (kit, name) in kits().await {
        let (place, object) = (kit.place, kit.swift.object(&name, "2026/Żółw 100%?#+.txt"));
        object.put("text").await.unwrap();
        let get = object.temp_url(Method::GET, HOUR).await.unwrap();
        let (status, headers, body) = ask(&kit, Method::GET, &get, "").await;
        assert_eq!((status, body.as_ref()), (200, &b"text"[..]), "{place}: {get}");
        let encoded = "%C5%BB%C3%B3%C5%82w 100%25%3F%23%2B.txt";
        let shown = format!("attachment; filename=\"{encoded}\"; filename*=UTF-8''{}", encoded.replace(' ', "%20"));
        assert_eq!(headers["content-disposition"].to_str().unwrap(), shown, "{place}");
        assert_eq!(ask(&kit, Method::HEAD, &get, "").await.0, 200, "{place}");
        for method in [Method::PUT, Method::DELETE, Method::POST] {
            assert_eq!(ask(&kit, method.clone(), &get, "").await.0, 401, "{place}: {method}");
        }
        let other = get.replace("2026", "2025");
        assert_eq!(ask(&kit, Method::GET, &other, "").await.0, 401, "{place}");

        let put = object.temp_url(Method::PUT, HOUR).await.unwrap();
        assert_eq!(ask(&kit, Method::GET, &put, "").await.0, 401, "{place}");
        assert_eq!(ask(&kit, Method::PUT, &put, "by somebody").await.0, 201, "{place}");
        assert_eq!(object.get().text().await.unwrap(), "by somebody", "{place}");

        let another = object.temp_url(Method::DELETE, HOUR).key("another").await.unwrap();
        assert_eq!(ask(&kit, Method::DELETE, &another, "").await.0, 204, "{place}");
        let wrong = object.temp_url(Method::GET, HOUR).key("wrong").await.unwrap();
        assert_eq!(ask(&kit, Method::GET, &wrong, "").await.0, 401, "{place}");
    }
}

#[tokio::test]
async fn it_ends() {
    for (kit, name) in kits().await {
        let object = kit.swift.object(&name, "a");
        object.put("text").await.unwrap();
        let url = object.temp_url(Method::GET, Duration::from_millis(1)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2100)).await;
        assert_eq!(ask(&kit, Method::GET, &url, "").await.0, 401, "{}", kit.place);
    }
}

#[tokio::test]
async fn one_may_be_good_for_many_and_say_how_it_is_shown() {
    for (kit, name) in kits().await {
        let (place, object) = (kit.place, kit.swift.object(&name, "2026/ż"));
        kit.swift.object(&name, "2026/ż and more").put("more").await.unwrap();
        let url = object.temp_url(Method::GET, HOUR).prefix().await.unwrap();
        let more = url.replacen("/2026/%C5%BC?", "/2026/%C5%BC%20and%20more?", 1);
        assert_eq!(ask(&kit, Method::GET, &more, "").await.2, "more", "{place}");
        let other = url.replacen("/2026/%C5%BC?", "/2025/%C5%BC?", 1);
        assert_eq!(ask(&kit, Method::GET, &other, "").await.0, 401, "{place}");

        let object = kit.swift.object(&name, "2026/ż and more");
        for (url, shown) in [
            (
                object.temp_url(Method::GET, HOUR).filename("a b.txt"),
                "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt",
            ),
            (object.temp_url(Method::GET, HOUR).inline(), "inline"),
        ] {
            let (status, headers, _) = ask(&kit, Method::GET, &url.await.unwrap(), "").await;
            assert_eq!((status, headers["content-disposition"].to_str().unwrap()), (200, shown), "{place}");
        }
    }
}

#[tokio::test]
async fn what_can_not_be_signed_is_told_with_the_remedy() {
    let kit = fake("").await;
    let object = kit.swift.object("a", "b");
    let error = object.temp_url(Method::GET, HOUR).await.unwrap_err();
    let words = "there is no key for temporary URLs; add temp_url_key to the connection, as the account has it";
    assert_eq!((error.kind(), error.message()), (Kind::Config, words));
    let error = object.temp_url(Method::PATCH, HOUR).key("a").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::InvalidInput, "there are no temporary URLs for the method PATCH")
    );
    assert_eq!(object.temp_url(Method::GET, Duration::MAX).key("a").await.unwrap_err().kind(), Kind::InvalidInput);
    let error = kit.swift.object("a/b", "c").temp_url(Method::GET, HOUR).key("a").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput);
    let request = format!("{:?}", object.temp_url(Method::GET, HOUR).key("hidden"));
    assert!(!request.contains("hidden"), "{request}");
}

/// Returns the address of a temporary URL, up to its signature.
async fn address(keys: &str) -> String {
    let fake = FakeSwift::with_config(&format!("temp_url_key: a\n{keys}")).await;
    let url = fake.swift().object("a", "b").temp_url(Method::GET, HOUR).await.unwrap();
    url.split_once("?temp_url_sig=").unwrap().0.to_owned()
}

#[tokio::test]
async fn it_leads_to_where_the_account_is_for_everybody() {
    let keystone =
        "auth_url: http://memory/v3\nauth_version: 3\nuser: tester\nkey: testing\ntenant_name: test\ninterface: ";
    for (keys, address) in [
        ("", "http://memory/v1/AUTH_test/a/b"),
        ("is_snet: true", "http://memory/v1/AUTH_test/a/b"),
        ("is_snet: true\nstorage_url: http://own:8080/v1/AUTH_test/", "http://own:8080/v1/AUTH_test/a/b"),
        (&format!("{keystone}internal"), "http://memory/v1/AUTH_test/a/b"),
        (&format!("{keystone}admin\nis_snet: true"), "http://memory/v1/AUTH_test/a/b"),
        ("is_snet: true\ntemp_url_base: https://files.example.com", "https://files.example.com/v1/AUTH_test/a/b"),
        ("temp_url_base: https://example.com:8443/files/", "https://example.com:8443/files/v1/AUTH_test/a/b"),
    ] {
        assert_eq!(self::address(keys).await, address, "{keys}");
    }
}

#[tokio::test]
async fn who_makes_one_may_say_where_it_leads_to() {
    for (kit, name) in kits().await {
        let (place, object) = (kit.place, kit.swift.object(&name, "a b"));
        object.put("text").await.unwrap();
        let url = object.temp_url(Method::GET, HOUR).await.unwrap();
        let elsewhere = object.temp_url(Method::GET, HOUR).base("https://files.example.com/swift").await.unwrap();
        let path = elsewhere.strip_prefix("https://files.example.com/swift").unwrap();
        assert!(path.starts_with("/v1/"), "{place}: {elsewhere}");
        // What is in between takes its own part of the path away.
        let server = reqwest::Url::parse(&url).unwrap();
        let url = format!("{}{path}", server.origin().ascii_serialization());
        assert_eq!(ask(&kit, Method::GET, &url, "").await.2, "text", "{place}: {url}");
        for base in ["files", "ftp://files.example.com", "https://u:p@files.example.com", "https://a/?b", ""] {
            let error = object.temp_url(Method::GET, HOUR).base(base).await.unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidInput, "{base}: {}", error.report());
        }
    }
}
