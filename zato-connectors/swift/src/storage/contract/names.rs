use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use zato_core::Kind;

use super::kit::everywhere;
use crate::storage::{Listed, place};

#[tokio::test]
async fn every_name_that_is_accepted_comes_back_byte_for_byte() {
    let mut runner = TestRunner::deterministic();
    let some = prop::collection::btree_set("[^\\p{Cc}/]{1,20}(/[^\\p{Cc}/]{1,20})?", 20).new_tree(&mut runner).unwrap();
    let mut names: Vec<String> = some.current().into_iter().collect();
    let more =
        ["a b", "%2F", "%", "+", "ż", "日本", "🦀", "'\"", "a&b=c;d", "#?", "~-._", "...", ".a", "a\\b", "a:b", "*"];
    names.extend(more.map(ToOwned::to_owned));
    names.retain(|name| place::checked(name).is_ok());
    names.sort();
    names.dedup();
    // A folder can't have both.
    let all = names.clone();
    names.retain(|name| !all.iter().any(|other| other.starts_with(&format!("{name}/"))));
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        for name in &names {
            let path = kit.path(name);
            storage
                .put(&path, name.clone())
                .await
                .unwrap_or_else(|error| panic!("{place} {name:?}: {}", error.report()));
            assert_eq!(storage.get(&path).text().await.unwrap(), *name, "{place}");
        }
        let mut listed = Vec::new();
        let mut entries = storage.list(kit.path("")).entries();
        while let Some(entry) = entries.next().await.unwrap() {
            if let Listed::Object(object) = entry {
                listed.push(object.path.strip_prefix(&kit.path("")).unwrap().to_owned());
            }
        }
        assert_eq!(listed, names, "{place}");
        let paths: Vec<_> = names.iter().map(|name| kit.path(name)).collect();
        storage.delete_many(&paths).await.unwrap();
        assert_eq!(storage.list(kit.path("")).collect().await.unwrap(), [], "{place}");
    }
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused_by_every_verb() {
    for kit in everywhere("").await {
        let (storage, place) = (&kit.storage, kit.place);
        let good = kit.path("a");
        let outside = kit.root.as_ref().map(|root| root.path().join("outside"));
        if let Some(outside) = &outside {
            std::fs::write(outside, "secret").unwrap();
        }
        for path in [
            kit.path("../../outside"),
            "../outside".to_owned(),
            "/outside".to_owned(),
            "..".to_owned(),
            "nothing".to_owned(),
            kit.path(".."),
            kit.path("a/./b"),
            kit.path("a//b"),
            kit.path("/etc/passwd"),
            kit.path(""),
            kit.path("a/"),
            kit.path("a\0b"),
            kit.path("a\nb"),
            kit.path(" a"),
            kit.path(&"a".repeat(1025)),
            ".zato-partial/a".to_owned(),
        ] {
            let errors = [
                storage.put(&path, "1").await.map(drop),
                storage.get(&path).bytes().await.map(drop),
                storage.head(&path).await.map(drop),
                storage.exists(&path).await.map(drop),
                storage.delete(&path).await.map(drop),
                storage.delete_many(&[&path]).await,
                storage.copy(&path, &good).await,
                storage.copy(&good, &path).await,
            ];
            for (verb, error) in errors.into_iter().enumerate() {
                let error = error.expect_err(&format!("{place} {verb} {path:?}"));
                assert_eq!(error.kind(), Kind::InvalidInput, "{place} {verb} {path:?}: {}", error.report());
                assert!(error.context().any(|(key, _)| key == "path"), "{place} {verb} {path:?}");
            }
        }
        for prefix in ["../", "..", "", "/", "a/../b", &kit.path("../"), &kit.path("a//")] {
            let error = storage.list(prefix).collect().await.unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidInput, "{place} {prefix:?}");
        }
        for container in ["", "..", "a/b", ".zato-partial"] {
            assert_eq!(storage.operator(container).unwrap_err().kind(), Kind::InvalidInput, "{place} {container:?}");
        }
        if let Some(outside) = &outside {
            assert_eq!(std::fs::read_to_string(outside).unwrap(), "secret");
        }
    }
}
