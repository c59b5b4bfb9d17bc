use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

fn folder_with(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, "a: 1").unwrap();
    (folder, path)
}

async fn wakes_up(watcher: &mut Watcher) -> bool {
    timeout(Duration::from_secs(10), watcher.changed()).await.is_ok()
}

/// Nothing to wait for but time: that no event comes cannot be seen otherwise.
async fn sleeps_on(watcher: &mut Watcher) -> bool {
    timeout(Duration::from_millis(400), watcher.changed()).await.is_err()
}

#[tokio::test]
async fn writing_in_place_is_seen_each_time() {
    let (_folder, path) = folder_with("zato.yaml");
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    for text in ["a: 2", "a: 3"] {
        fs::write(&path, text).unwrap();
        assert!(wakes_up(&mut watcher).await);
    }
}

#[tokio::test]
async fn replacing_by_rename_is_seen_each_time() {
    let (folder, path) = folder_with("zato.yaml");
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    for text in ["a: 2", "a: 3"] {
        let temporary = folder.path().join("zato.yaml~");
        fs::write(&temporary, text).unwrap();
        fs::rename(&temporary, &path).unwrap();
        assert!(wakes_up(&mut watcher).await);
    }
}

#[tokio::test]
async fn deleting_and_creating_are_seen() {
    let (_folder, path) = folder_with("zato.yaml");
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(wakes_up(&mut watcher).await);
    fs::write(&path, "a: 2").unwrap();
    assert!(wakes_up(&mut watcher).await);
}

#[tokio::test]
async fn new_and_changed_files_of_a_folder_are_seen() {
    let (folder, _) = folder_with("readme.md");
    let mut watcher = Watcher::new(vec![folder.path().to_owned()]).unwrap();
    let path = folder.path().join("tutorial.yml");
    for text in ["a: 1", "a: 2"] {
        fs::write(&path, text).unwrap();
        assert!(wakes_up(&mut watcher).await);
    }
}

#[tokio::test]
async fn a_folder_that_is_made_later_is_seen_with_its_files() {
    let (folder, _) = folder_with("readme.md");
    let late = folder.path().join("a/b");
    let mut watcher = Watcher::new(vec![late.clone()]).unwrap();
    fs::create_dir_all(&late).unwrap();
    assert!(wakes_up(&mut watcher).await);
    fs::write(late.join("tutorial.yaml"), "a: 1").unwrap();
    assert!(wakes_up(&mut watcher).await);
}

#[tokio::test]
async fn a_folder_that_is_deleted_and_made_again_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("conf");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("zato.yaml");
    fs::write(&path, "a: 1").unwrap();
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    assert!(wakes_up(&mut watcher).await);
    fs::create_dir(&inner).unwrap();
    fs::write(&path, "a: 2").unwrap();
    assert!(wakes_up(&mut watcher).await);
    fs::write(&path, "a: 3").unwrap();
    assert!(wakes_up(&mut watcher).await);
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_lead_elsewhere_are_seen() {
    use std::os::unix::fs::symlink;

    // The layout of a Kubernetes volume: zato.yaml -> ..data/zato.yaml, ..data -> ..1
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for version in ["..1", "..2", "..3"] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("zato.yaml"), version).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/zato.yaml", at("zato.yaml")).unwrap();
    for paths in [vec![at("zato.yaml")], vec![folder.path().to_owned()]] {
        let mut watcher = Watcher::new(paths).unwrap();
        for version in ["..2", "..3"] {
            symlink(version, at("..data_tmp")).unwrap();
            fs::rename(at("..data_tmp"), at("..data")).unwrap();
            assert!(wakes_up(&mut watcher).await, "{version}");
        }
        fs::write(at("..3").join("zato.yaml"), "in place, behind both links").unwrap();
        assert!(wakes_up(&mut watcher).await);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_in_a_circle_do_no_harm() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("b.yaml", at("a.yaml")).unwrap();
    symlink("a.yaml", at("b.yaml")).unwrap();
    symlink("c/c", at("c")).unwrap();
    let mut watcher = Watcher::new(vec![at("a.yaml"), at("c/zato.yaml"), folder.path().to_owned()]).unwrap();
    fs::remove_file(at("b.yaml")).unwrap();
    assert!(wakes_up(&mut watcher).await);
}

#[tokio::test]
async fn a_burst_is_one_wake_up_and_other_files_and_reading_are_none() {
    let (folder, path) = folder_with("zato.yaml");
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    for number in 0..20 {
        fs::write(&path, number.to_string()).unwrap();
    }
    assert!(wakes_up(&mut watcher).await);
    fs::write(folder.path().join("other.yaml"), "a: 1").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "19");
    assert!(sleeps_on(&mut watcher).await);
}

#[tokio::test]
async fn a_cancelled_wait_loses_no_change() {
    let (_folder, path) = folder_with("zato.yaml");
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    fs::write(&path, "a: 2").unwrap();
    while watcher.burst.is_none() {
        assert!(timeout(Duration::from_millis(10), watcher.changed()).await.is_err());
    }
    assert!(wakes_up(&mut watcher).await);
}

#[tokio::test]
async fn watch_instead_forgets_the_paths_before() {
    let (folder, path) = folder_with("zato.yaml");
    let other = folder.path().join("other.yaml");
    let mut watcher = Watcher::new(vec![path.clone()]).unwrap();
    watcher.watch_instead(vec![other.clone()]).unwrap();
    assert_eq!(watcher.paths(), std::slice::from_ref(&other));
    fs::write(&path, "a: 2").unwrap();
    assert!(sleeps_on(&mut watcher).await);
    fs::write(&other, "a: 2").unwrap();
    assert!(wakes_up(&mut watcher).await);
}

#[test]
fn watcher_can_be_sent() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Watcher::new(Vec::new()).unwrap());
}
