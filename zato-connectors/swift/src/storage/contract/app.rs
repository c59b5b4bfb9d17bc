//! Entries in an app: those that lead out of the process, and those that do not.

use zato_core::{Kind, app::App, connection::Handle as _};

use crate::{ObjectStorage, ObjectStorageConnector, Swift, SwiftConnector};

const CONFIG: &str = "
outgoing_object_storage:
  - {name: Invoices, scheme: SCHEME, fs: {root: ROOT}, swift: {connection: Cloud}, s3: {endpoint: 'http://127.0.0.1:1'}}
  - {name: Own, scheme: swift, swift: {auth_url: 'http://127.0.0.1:1/auth/v1.0', user: 'a:b', key: c}}
outgoing_swift:
  - {name: Cloud, auth_url: 'http://127.0.0.1:1/auth/v1.0', user: 'a:b', key: c}
";

fn app(scheme: &str, root: &tempfile::TempDir) -> App {
    let config = CONFIG.replace("SCHEME", scheme).replace("ROOT", &format!("'{}'", root.path().display()));
    App::new("bank")
        .fakes_only()
        .connector::<SwiftConnector>()
        .connector::<ObjectStorageConnector>()
        .config_yaml(config)
}

#[tokio::test]
async fn in_a_test_folder_and_memory_are_real_and_what_leads_out_is_not() {
    let root = tempfile::tempdir().unwrap();
    for scheme in ["fs", "memory"] {
        let running = app(scheme, &root).start().await.unwrap();
        let storage: ObjectStorage = running.out("Invoices").unwrap();
        storage.slot().tried().await;
        storage.put("CRM/Invoice", scheme).await.unwrap();
        assert_eq!(storage.get("CRM/Invoice").text().await.unwrap(), scheme);
        let own: ObjectStorage = running.out("Own").unwrap();
        let error = own.put("CRM/Invoice", "{}").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{}", error.report());
    }
    assert_eq!(std::fs::read_to_string(root.path().join("CRM/Invoice")).unwrap(), "fs");
    for scheme in ["s3", "swift"] {
        let running = app(scheme, &root).start().await.unwrap();
        let storage: ObjectStorage = running.out("Invoices").unwrap();
        assert_eq!(storage.put("CRM/Invoice", "{}").await.unwrap_err().kind(), Kind::Unavailable, "{scheme}");
    }
}

#[tokio::test]
async fn what_stands_over_a_fake_leads_there_and_a_fake_of_its_own_goes_before() {
    let root = tempfile::tempdir().unwrap();
    let cloud = Swift::fake().await;
    let running = app("swift", &root).fake("Cloud", &cloud.swift()).start().await.unwrap();
    let storage: ObjectStorage = running.out("Invoices").unwrap();
    storage.slot().tried().await;
    storage.put("CRM/Invoice", "{}").await.unwrap();
    assert_eq!(cloud.server().object("CRM", "Invoice").unwrap(), "{}");

    let fake = ObjectStorage::fake().await;
    let running = app("s3", &root).fake("Invoices", &fake.storage()).start().await.unwrap();
    let storage: ObjectStorage = running.out("Invoices").unwrap();
    storage.put("CRM/Invoice", "[]").await.unwrap();
    assert_eq!(fake.object("CRM/Invoice").unwrap(), "[]");
}

#[tokio::test]
async fn one_line_of_the_configuration_moves_a_program_to_another_store() {
    let root = tempfile::tempdir().unwrap();
    let folder = app("fs", &root).start().await.unwrap();
    let memory = app("memory", &root).start().await.unwrap();
    for running in [&folder, &memory] {
        let storage: ObjectStorage = running.out("Invoices").unwrap();
        storage.slot().tried().await;
        storage.put("CRM/a", "1").only_if_absent().await.unwrap();
        assert_eq!(storage.list("CRM").collect().await.unwrap().len(), 1);
    }
}
