//! Entries, and what becomes of them.

use zato_core::connection::{Definitions, State};

use super::kit::{fake, folder, open};
use crate::storage::testing::{prepared, supervised};

fn refused(keys: &str) -> String {
    prepared(&format!("name: a\n{keys}"), ".", &Definitions::default()).unwrap_err().to_string()
}

#[test]
fn what_can_not_be_meant_is_told_with_what_can() {
    for (keys, words) in [
        ("scheme: fss", "did you mean \"fs\"?"),
        ("scheme: fs", "it takes a folder; add fs: {root: ...}"),
        ("scheme: swift\nswift: {connection: Cloud}", "no outgoing_swift named \"Cloud\""),
        ("scheme: swift\nswift: {auth_url: 'http://swift/auth/v1.0'}", "nobody logs in"),
        ("scheme: swift\nswift: {auth: 'http://swift/auth/v1.0'}", "auth"),
        ("scheme: memory\ncontainer: ..", "no container, bucket or folder can have this name"),
    ] {
        let said = refused(keys);
        assert!(said.contains(words), "{keys}: {said}");
    }
}

#[tokio::test]
async fn each_store_answers_a_ping_and_says_when_it_is_gone() {
    for kit in [fake("").await, folder("").await, open("scheme: memory", ".").await] {
        assert!(kit.storage.ping().await.is_ok(), "{}", kit.place);
    }
    let kit = folder("").await;
    std::fs::remove_dir_all(kit.root.as_ref().unwrap().path()).unwrap();
    assert!(kit.storage.ping().await.is_err());
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_is_a_connection_that_is_down() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "").unwrap();
    let keys = "name: a\nscheme: fs\nfs: {root: file/objects}";
    let prepared = prepared(keys, root.path().to_str().unwrap(), &Definitions::default()).unwrap();
    let (storage, supervised) = supervised(prepared).await;
    assert!(matches!(*supervised.connection().state(), State::Down { .. }));
    let error = storage.head("CRM/a").await.unwrap_err();
    let told = format!("the folder {} can't be made", root.path().join("file/objects").display());
    assert_eq!(error.kind(), zato_core::Kind::Unavailable);
    assert!(error.report().to_string().contains(&told), "{}", error.report());
}

#[tokio::test]
async fn another_scheme_of_opendals_is_used_as_it_is_compiled_in() {
    let root = tempfile::tempdir().unwrap();
    // The same service by another name, since no other is compiled in here.
    opendal::OperatorRegistry::get().register::<opendal::services::Fs>("folders");
    let keys = format!("scheme: folders\noptions: {{root: '{}'}}", root.path().display());
    let kit = open(&keys, ".").await;
    kit.storage.put("CRM/2026/Invoice", "{}").await.unwrap();
    assert_eq!(std::fs::read_to_string(root.path().join("CRM/2026/Invoice")).unwrap(), "{}");
    assert_eq!(kit.storage.get("CRM/2026/Invoice").text().await.unwrap(), "{}");
    let error = kit.storage.put("CRM/a", "1").content_type("text/plain").await.unwrap_err();
    assert_eq!(error.message(), "the object storage can't keep content types: its scheme is folders");
}

/// Opens the real Swift as S3 over TLS, whose authority is in a file.
#[cfg(feature = "tls")]
#[tokio::test]
async fn s3_is_spoken_to_over_tls_with_who_is_trusted() {
    let variable = |name: &str| std::env::var(format!("ZATO_TEST_SWIFT_{name}"));
    // `kit::everywhere` says loudly that there is no server.
    let (Ok(url), Ok(authority)) = (variable("TLS_URL"), variable("AUTHORITY")) else { return };
    let real = crate::tests::kit::real("").await.unwrap();
    let bucket = real.container("tls").await;
    let (id, key) = (variable("S3_ACCESS_KEY").unwrap(), variable("S3_SECRET_KEY").unwrap());
    let s3 = format!("s3: {{endpoint: '{url}', access_key_id: '{id}', secret_access_key: '{key}'}}");
    let keys = format!("scheme: s3\ncontainer: {bucket}\nretries: 0\n{s3}");
    let kit = open(&format!("{keys}\ntls: {{ca: '{authority}'}}"), ".").await;
    kit.storage.put("Invoice", "{}").await.unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(kit.storage.get("Invoice").text().await.unwrap(), "{}");
    for wrong in [format!("{keys}\ntls_verify: true"), keys.replace(&key, "wrong")] {
        let kit = open(&wrong, ".").await;
        assert_eq!(
            kit.storage.get("Invoice").text().await.unwrap_err().kind(),
            zato_core::Kind::Unavailable,
            "{wrong}"
        );
    }
}
