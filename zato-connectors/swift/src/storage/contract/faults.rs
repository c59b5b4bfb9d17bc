//! Servers that fail, and what becomes of who asks.

use zato_core::Kind;

use super::kit::{connection, fake};
use crate::{
    SwiftError, SwiftErrorKind,
    storage::{store::Store, testing::FakeObjectStorage},
};

#[tokio::test(start_paused = true)]
async fn a_fake_fails_as_often_as_it_is_told_to() {
    let fake = FakeObjectStorage::with_config("retries: 0").await;
    let storage = fake.storage();
    storage.put("CRM/a", "1").await.unwrap();
    for (verb, status, kind) in [
        ("put", 507, Kind::Unavailable),
        ("get", 503, Kind::Unavailable),
        ("head", 403, Kind::Upstream),
        ("exists", 429, Kind::RateLimited),
        ("list", 500, Kind::Unavailable),
        ("copy", 413, Kind::TooLarge),
        ("delete", 409, Kind::Conflict),
        ("delete_many", 502, Kind::Unavailable),
    ] {
        let attempt = || async {
            match verb {
                "put" => storage.put("CRM/a", "1").await.map(drop),
                "get" => storage.get("CRM/a").bytes().await.map(drop),
                "head" => storage.head("CRM/a").await.map(drop),
                "exists" => storage.exists("CRM/a").await.map(drop),
                "list" => storage.list("CRM").collect().await.map(drop),
                "copy" => storage.copy("CRM/a", "CRM/b").await,
                "delete" => storage.delete("CRM/none").await.map(drop),
                _ => storage.delete_many(&["CRM/none"]).await,
            }
        };
        storage.copy("CRM/a", "CRM/b").await.unwrap();
        fake.fail_next(verb, status);
        let error = attempt().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{verb}: {}", error.report());
        assert!(error.find::<SwiftError>().is_some(), "{verb}");
        assert!(attempt().await.is_ok(), "{verb}: once");
    }
    assert_eq!(fake.object("CRM/a").unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_a_dead_token_is_renewed() {
    for kit in [fake("").await, connection("").await] {
        let (server, path) = (kit.server.as_ref().unwrap(), kit.path("a"));
        kit.storage.put(&path, "1").await.unwrap();
        server.fail_next_times("PUT", 503, 2);
        kit.storage.put(&path, "2").await.unwrap();
        server.forget_tokens();
        assert_eq!(kit.storage.get(&path).text().await.unwrap(), "2", "{}", kit.place);
        server.set_down(true);
        let error = kit.storage.get(&path).bytes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{}", kit.place);
        let kind = error.find::<SwiftError>().map(SwiftError::kind);
        assert_eq!(kind, Some(SwiftErrorKind::ConnectionLost), "{}", error.report());
        server.set_down(false);
    }
}

#[tokio::test]
async fn a_container_that_somebody_has_deleted_is_made_again_for_a_copy() {
    let fake = FakeObjectStorage::with_config("").await;
    let storage = fake.storage();
    storage.put("CRM/a", "1").await.unwrap();
    storage.copy("CRM/a", "archive/a").await.unwrap();
    storage.delete("archive/a").await.unwrap();
    let Store::Swift(account) = &storage.client().unwrap().store else { panic!("it stands on a Swift") };
    account.swift.container("archive").delete().await.unwrap();
    storage.copy("CRM/a", "archive/a").await.unwrap();
    assert_eq!(fake.object("archive/a").unwrap(), "1");
    let error = storage.copy("CRM/none", "archive/a").await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{}", error.report());
    assert_eq!(fake.object("archive/a").unwrap(), "1");
}
