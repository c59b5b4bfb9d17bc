use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::fs;
use tracing::debug;

/// The folder of files that are not whole yet: no container, since none begins with a dot.
pub(super) const FOLDER: &str = ".zato-partial";

/// How old a file is that nobody writes to any more.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// A file that is not whole yet. It is removed when it is dropped, unless it was moved elsewhere.
#[derive(Debug)]
pub(super) struct Partial {
    name: String,
    path: PathBuf,
}

impl Partial {
    pub(super) fn new(root: &Path, random: u128) -> Self {
        let name = format!("{FOLDER}/{random:032x}");
        Self { path: root.join(&name), name }
    }

    /// Returns what it is called within the root.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // What remains in a program that ends is swept when it starts again.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(std::fs::remove_file(path))));
        }
    }
}

/// Removes what programs have left that ended while they wrote.
pub(super) async fn sweep(root: &Path) {
    let Ok(mut files) = fs::read_dir(root.join(FOLDER)).await else { return };
    while let Ok(Some(file)) = files.next_entry().await {
        let modified = file.metadata().await.and_then(|known| known.modified());
        let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if age.is_some_and(|age| age >= FORGOTTEN) && fs::remove_file(file.path()).await.is_ok() {
            debug!(file = %file.path().display(), "removed what was never written to its end");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_left_long_ago_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        let (old, new) = (folder.join("old"), folder.join("new"));
        std::fs::write(&new, "1").unwrap();
        let file = std::fs::File::create(&old).unwrap();
        file.set_modified(SystemTime::now() - FORGOTTEN * 2).unwrap();
        sweep(root.path()).await;
        assert!(new.exists() && !old.exists());
    }
}
