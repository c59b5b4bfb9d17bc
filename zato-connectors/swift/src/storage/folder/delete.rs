//! Removing files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use zato_core::Result;

use super::{
    Folder, Shared,
    given_up::{GivenUp, waited_for},
    is_missing,
    there::{There, look},
};
use crate::storage::{error::of_file, place::Place};

impl Folder {
    /// Removes a file, and the folders that have nothing in them any more.
    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        let (shared, path, container) = (self.shared.clone(), self.path(place), self.container(place));
        waited_for(move |given_up| {
            let left = shared.remove(&path, &container, given_up)?;
            shared.written_out(left.as_slice())?;
            Ok(left.is_some())
        })
        .await
    }

    /// Removes files, one after the other, and writes out once each folder that one was in.
    pub(crate) async fn delete_many(&self, container: &str, names: &[String]) -> Result<()> {
        let paths: Vec<_> = names.iter().map(|name| self.path(Place { container, name })).collect();
        let (shared, container) = (self.shared.clone(), self.container(Place { container, name: "" }));
        waited_for(move |given_up| shared.remove_all(&paths, &container, given_up)).await
    }
}

impl Shared {
    fn remove_all(&self, paths: &[PathBuf], container: &Path, given_up: &GivenUp) -> Result<()> {
        let mut left = BTreeSet::new();
        let removed = paths.iter().try_for_each(|path| {
            left.extend(self.remove(path, container, given_up)?);
            Ok(())
        });
        // Some were removed, also if one could not be.
        let left: BTreeSet<_> = left.into_iter().map(|folder| self.remaining(folder)).collect();
        let written_out = self.written_out(&Vec::from_iter(left));
        removed.and(written_out)
    }

    /// Removes a file, and returns the folder that has to be written out for that; `None` if the file was not there.
    fn remove(&self, path: &Path, container: &Path, given_up: &GivenUp) -> Result<Option<PathBuf>> {
        if look(&self.root, path)? != There::File {
            return Ok(None);
        }
        // Another object of this name may be there since.
        given_up.check()?;
        match fs::remove_file(path) {
            Ok(()) => {}
            // Somebody else was faster.
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(of_file(error)),
        }
        let mut left = path.parent().unwrap_or(container);
        // One that has something in it stays.
        while left != container && left.starts_with(container) && fs::remove_dir(left).is_ok() {
            left = left.parent().unwrap_or(container);
        }
        Ok(Some(left.to_owned()))
    }

    /// Returns what is left of the way to a folder, which may have gone with the last file in it.
    fn remaining(&self, mut folder: PathBuf) -> PathBuf {
        while folder != self.root && fs::symlink_metadata(&folder).is_err() && folder.pop() {}
        folder
    }

    fn written_out(&self, folders: &[PathBuf]) -> Result<()> {
        folders.iter().try_for_each(|folder| self.durability.folder(&self.root, folder)).map_err(of_file)
    }
}
