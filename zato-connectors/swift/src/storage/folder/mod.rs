//! Objects as files of a folder.

mod attributes;
mod delete;
mod durability;
mod given_up;
mod partial;
mod read;
#[cfg(test)]
mod tests;
mod there;
mod walk;
mod write;

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use opendal::{Operator, services};
use zato_core::{Error, Kind, Result, Retry, ambient::Ambient};

pub(super) use self::walk::Walk;
use self::{attributes::Attributes, durability::Durability, partial::Partial};
use super::{
    error::{of_file, of_opendal},
    place::Place,
};

/// A folder, of which each folder in it is a container.
#[derive(Debug)]
pub(crate) struct Folder {
    shared: Arc<Shared>,
    /// Whether files have attributes here, where content type and metadata are kept.
    has_attributes: bool,
    ambient: Ambient,
}

/// What is needed where files are worked on, by threads that may wait.
#[derive(Debug)]
struct Shared {
    /// Without a link in it.
    root: PathBuf,
    durability: Durability,
}

impl Folder {
    /// Makes the folder, if it is not there, and finds out what the file system can.
    pub(crate) async fn open(root: &Path, has_fsync: bool, ambient: &Ambient) -> Result<Self> {
        let (root, random) = (root.to_owned(), ambient.random());
        let (shared, has_attributes) = blocking(move || {
            let shared = Shared::open(&root, has_fsync)?;
            partial::sweep(&shared.root);
            let has_attributes = finds_attributes(&Partial::new(&shared.root, random))?;
            Ok((shared, has_attributes))
        })
        .await?;
        Ok(Self { shared: Arc::new(shared), has_attributes, ambient: ambient.clone() })
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        blocking(move || fs::metadata(&shared.root).map(drop).map_err(of_file)).await
    }

    /// Makes an operator of a container, which writes whole files, too.
    pub(crate) fn operator(&self, container: &str) -> Result<Operator> {
        let text = |path: PathBuf| {
            path.to_str().map(ToOwned::to_owned).ok_or_else(|| Error::config("the folder's name is no UTF-8"))
        };
        let root = &self.shared.root;
        let (root, partials) = (text(root.join(container))?, text(root.join(partial::FOLDER))?);
        Operator::new(services::Fs::default().root(&root).atomic_write_dir(&partials)).map_err(of_opendal)
    }

    pub(crate) fn walk(&self, place: Place<'_>, is_recursive: bool) -> Walk {
        Walk::new(self.container(place), place.name, is_recursive)
    }

    /// Returns where a file is. The place has no segment that would lead out of the folder.
    fn path(&self, place: Place<'_>) -> PathBuf {
        self.container(place).join(place.name)
    }

    fn container(&self, place: Place<'_>) -> PathBuf {
        self.shared.root.join(place.container)
    }

    fn partial(&self) -> Partial {
        Partial::new(&self.shared.root, self.ambient.random())
    }
}

impl Shared {
    fn open(root: &Path, has_fsync: bool) -> Result<Self> {
        let durability = Durability::new(has_fsync);
        let new = root.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).count();
        let canonical = fs::create_dir_all(root).and_then(|()| fs::canonicalize(root));
        let root = canonical.map_err(|error| no_root(root, error))?;
        durability.made(&root, new).map_err(of_file)?;
        let partials = root.join(partial::FOLDER);
        match fs::symlink_metadata(&partials) {
            Ok(known) if known.is_dir() => {}
            // Files are moved from there, which goes no further than to another folder of the same disk.
            Ok(_) => return Err(Error::config(format!("{} is in the way: it is no folder", partial::FOLDER))),
            Err(_) => fs::create_dir_all(&partials).map_err(of_file)?,
        }
        Ok(Self { root, durability })
    }
}

/// Says that there is no root, and that none can be made.
fn no_root(root: &Path, error: io::Error) -> Error {
    let words = format!("the folder {} can't be made, or not be used", root.display());
    Error::new(Kind::Unavailable, words).with_retry(Retry::Later).with_source(error)
}

/// Writes a file with an attribute, and takes it away again.
fn finds_attributes(partial: &Partial) -> Result<bool> {
    let file = fs::File::options().write(true).create_new(true).open(partial.path()).map_err(of_file)?;
    let attributes = Attributes { content_type: Some("text/plain".to_owned()), ..Attributes::default() };
    Ok(attributes.write(&file).is_ok())
}

/// Works on files where that may take its time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("a file was not worked on to the end").with_source(error))?
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
