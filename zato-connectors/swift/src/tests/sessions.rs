//! Logging in, and logging in again.

use futures_util::future::join_all;
use zato_core::{Kind, bytes::Bytes, message::ByteStream};

use super::kit::fake;
use crate::{SwiftErrorKind, error::kind_of, memory::SwiftServer, testing::FakeSwift};

#[tokio::test(start_paused = true)]
async fn a_token_that_is_dead_is_renewed_once_for_all_who_wait() {
    let kit = fake("pool_size: 50").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    let logins = server.calls("login");
    server.forget_tokens();
    let puts = (0..50).map(|number| {
        let (swift, name) = (kit.swift.clone(), name.clone());
        async move { swift.object(&name, &number.to_string()).put("1").await }
    });
    assert!(join_all(puts).await.iter().all(Result::is_ok));
    assert_eq!(server.calls("login") - logins, 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_ends() {
    let server = SwiftServer::new();
    server.set_token_life(std::time::Duration::from_secs(3600));
    let fake = FakeSwift::of(server, "").await;
    fake.swift().container("a").create().await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        fake.swift().account().await.unwrap();
    }
    // Twenty times ten minutes, and an hour each; a token that was refused would make it more.
    let logins = fake.server().calls("login");
    assert!((3..=5).contains(&logins), "{logins}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_token_is_dead_says_that_it_may_be_sent_once_more() {
    let kit = fake("").await;
    let (name, server) = (kit.container("a").await, kit.server().unwrap());
    server.forget_tokens();
    let stream = || ByteStream::new(futures_util::stream::iter([Ok(Bytes::from_static(b"once"))]));
    let object = kit.swift.object(&name, "a");
    let error = object.put_stream(stream()).await.unwrap_err();
    assert_eq!((kind_of(&error), error.retry()), (Some(SwiftErrorKind::NotAuthenticated), zato_core::Retry::Later));
    assert!(object.put_stream(stream()).await.is_ok(), "with the new one");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_log_in_or_do_this_is_told_so() {
    let fake = FakeSwift::of(SwiftServer::new(), "user: test:tester\nkey: wrong").await;
    let error = fake.swift().account().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{}", error.report());
    for said in ["does not accept who asks", "(auth_url: http://memory/auth/v1.0)"] {
        assert!(error.report().to_string().contains(said), "{}", error.report());
    }

    let fake = FakeSwift::of(SwiftServer::new(), "user: test:tester3\nkey: testing3").await;
    let error = fake.swift().container("a").create().await.unwrap_err();
    assert!(error.report().to_string().contains("the object storage does not allow this"), "{}", error.report());
}

#[tokio::test(start_paused = true)]
async fn keystone_says_where_the_account_is() {
    let keys = "auth_url: http://memory/v3\nauth_version: 3\nuser: tester\nkey: testing\ntenant_name: test";
    let fake = FakeSwift::of(SwiftServer::new(), keys).await;
    fake.swift().container("a").create().await.unwrap();
    fake.server().forget_tokens();
    fake.swift().object("a", "b").put("1").await.unwrap();
    assert_eq!(fake.server().object("a", "b").unwrap(), "1");
    let fake = FakeSwift::of(SwiftServer::new(), &format!("{keys}\nregion: Nowhere")).await;
    let error = fake.swift().account().await.unwrap_err().report().to_string();
    assert!(error.contains("the catalogue has no region \"Nowhere\"; it has RegionOne"), "{error}");
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn an_account_without_tls_is_not_taken_from_who_speaks_it() {
    let keys = "auth_url: https://memory/auth/v1.0\nuser: test:tester\nkey: testing";
    let fake = FakeSwift::of(SwiftServer::new(), keys).await;
    let error = fake.swift().account().await.unwrap_err().report().to_string();
    assert!(error.contains("the account is where none is spoken; name it with \"storage_url\""), "{error}");
    let fake = FakeSwift::of(SwiftServer::new(), &format!("{keys}\nstorage_url: http://memory/v1/AUTH_test")).await;
    assert!(fake.swift().account().await.is_ok());
}
