use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use tempfile::TempDir;

use crate::lent::until;

/// What was served, in a file that all processes add lines to.
#[derive(Clone, Debug)]
pub(super) struct Ledger(PathBuf);

impl Ledger {
    /// Makes one in a folder, which is gone when that is dropped.
    pub(super) fn new() -> (TempDir, Self) {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("served");
        fs::write(&path, "").expect("the file can be written");
        (folder, Self(path))
    }

    pub(super) fn at(path: &str) -> Self {
        Self(path.into())
    }

    pub(super) fn path(&self) -> String {
        self.0.display().to_string()
    }

    /// Adds a line, which is there when this process is killed right afterwards.
    pub(super) fn enter(&self, container: &str, name: &str, attempt: u32) {
        let mut file = OpenOptions::new().append(true).open(&self.0).expect("the file is there");
        // As one piece, so that no other gets into it.
        file.write_all(format!("{container}/{name} {attempt}\n").as_bytes()).expect("it can be written");
    }

    /// Returns how many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.read().lines().count()
    }

    /// Returns the attempts of each object, in their order.
    pub(super) fn seen(&self) -> BTreeMap<String, Vec<u32>> {
        let mut all = BTreeMap::<String, Vec<u32>>::new();
        for line in self.read().lines() {
            let (object, attempt) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            all.entry(object.to_owned()).or_default().push(attempt.parse().expect("it is a number"));
        }
        all
    }

    /// Waits until each of these was served.
    pub(super) async fn until_all(&self, stored: &BTreeSet<String>) {
        let are_served = async || {
            let seen = self.seen();
            stored.iter().all(|object| seen.contains_key(object)).then_some(())
        };
        until("all are served", are_served).await;
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.0).expect("the file is there")
    }
}
