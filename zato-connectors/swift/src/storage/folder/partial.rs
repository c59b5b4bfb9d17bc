use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tracing::debug;

/// The folder of files that are not whole yet: no container, since none begins with a dot.
pub(super) const FOLDER: &str = ".zato-partial";

/// How old a file is that nobody writes to any more.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// A file that is not whole yet. It is removed when it is dropped, unless it was moved elsewhere.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    is_gone: bool,
}

impl Partial {
    pub(super) fn new(root: &Path, random: u128) -> Self {
        Self { path: root.join(FOLDER).join(format!("{random:032x}")), is_gone: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says that it was moved to its place.
    pub(super) fn is_gone(&mut self) {
        self.is_gone = true;
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        if self.is_gone {
            return;
        }
        // What remains in a program that ends is swept when it starts again.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn_blocking(move || drop(fs::remove_file(path))));
        }
    }
}

/// Removes what programs have left that ended while they wrote.
pub(super) fn sweep(root: &Path) {
    let Ok(files) = fs::read_dir(root.join(FOLDER)) else { return };
    for file in files.flatten() {
        let modified = file.metadata().and_then(|known| known.modified());
        let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if age.is_some_and(|age| age >= FORGOTTEN) && fs::remove_file(file.path()).is_ok() {
            debug!(file = %file.path().display(), "removed what was never written to its end");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_long_ago_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        let (old, new) = (folder.join("old"), folder.join("new"));
        fs::write(&new, "1").unwrap();
        let file = fs::File::create(&old).unwrap();
        file.set_modified(SystemTime::now() - FORGOTTEN * 2).unwrap();
        sweep(root.path());
        assert!(new.exists() && !old.exists());
    }
}
