//! Objects as files of a folder.

mod partial;
mod read;
mod walk;

use std::{
    collections::HashMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use opendal::{Operator, options::WriteOptions, services};
use tokio::fs;
use zato_core::{Error, Kind, Result, ambient::Ambient};

use self::partial::Partial;
pub(super) use self::walk::Walk;
use super::{
    details::{MIME_TYPE, ObjectDetails, Stored},
    error::{not_found, of_file, of_opendal, unsupported},
    limits::Limits,
    place::Place,
    put::{Content, Wanted},
};

/// How often a file is moved to its place while others remove the folder that it is to lie in.
const ATTEMPTS: usize = 50;

/// A folder, of which each folder in it is a container.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    operator: Operator,
    /// Whether files have attributes here, where content type and metadata are kept.
    has_attributes: bool,
    ambient: Ambient,
}

impl Folder {
    /// Makes the folder, if it is not there, and finds out what the file system can.
    pub(crate) async fn open(root: &Path, ambient: &Ambient) -> Result<Self> {
        fs::create_dir_all(root).await.map_err(of_file)?;
        let root = fs::canonicalize(root).await.map_err(of_file)?;
        let operator = operator(&root, None)?;
        let mut folder = Self { root, operator, has_attributes: true, ambient: ambient.clone() };
        partial::sweep(&folder.root).await;
        folder.has_attributes = folder.finds_attributes().await?;
        Ok(folder)
    }

    /// Writes a file with an attribute, and takes it away again.
    async fn finds_attributes(&self) -> Result<bool> {
        let partial = Partial::new(&self.root, self.ambient.random());
        let metadata = HashMap::from([(MIME_TYPE.to_owned(), "text/plain".to_owned())]);
        let options = WriteOptions { user_metadata: Some(metadata), ..WriteOptions::default() };
        match self.operator.write_options(partial.name(), "", options).await {
            Ok(_) => Ok(true),
            // The file is there, and only what belongs to it is not.
            Err(_) if fs::try_exists(partial.path()).await.unwrap_or(false) => Ok(false),
            Err(error) => Err(of_opendal(error)),
        }
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        fs::metadata(&self.root).await.map(drop).map_err(of_file)
    }

    pub(crate) fn operator(&self, container: &str) -> Result<Operator> {
        operator(&self.root.join(container), Some(&self.root.join(partial::FOLDER)))
    }

    /// Refuses what lies outside of the folder, over a link in it.
    async fn is_within(&self, path: &Path) -> Result<()> {
        // Of what is not there the part that is.
        for part in path.ancestors() {
            match fs::canonicalize(part).await {
                Ok(real) if real.starts_with(&self.root) => return Ok(()),
                Ok(_) => break,
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(of_file(error)),
            }
        }
        Err(Error::invalid_input("the path leads out of the folder, over a link in it"))
    }

    pub(crate) async fn head(&self, place: Place<'_>) -> Result<ObjectDetails> {
        self.is_within(&self.path(place)).await?;
        let name = format!("{}/{}", place.container, place.name);
        let known = self.operator.stat(&name).await.map_err(of_opendal);
        // Below a file there is nothing.
        let known = known.map_err(|error| if error.kind() == Kind::Conflict { not_found() } else { error })?;
        if known.is_file() { Ok(ObjectDetails::of(&known)) } else { Err(not_found()) }
    }

    /// Writes a file beside the others, and moves it to its place when it is whole.
    pub(crate) async fn put(
        &self,
        place: Place<'_>,
        content: Content,
        wanted: &Wanted<'_>,
        limits: &Limits,
    ) -> Result<Stored> {
        let partial = Partial::new(&self.root, self.ambient.random());
        let options = WriteOptions { user_metadata: self.attributes(wanted)?, ..WriteOptions::default() };
        let begin = async { self.operator.writer_options(partial.name(), options).await.map_err(of_opendal) };
        let mut writer = limits.step(begin).await?;
        let mut bytes = 0;
        match content {
            Content::Bytes(whole) => {
                bytes = whole.len() as u64;
                limits.step(async { writer.write(whole).await.map_err(of_opendal) }).await?;
            }
            Content::Stream(mut stream) => {
                while let Some(piece) = stream.chunk().await? {
                    bytes += piece.len() as u64;
                    limits.step(async { writer.write(piece).await.map_err(of_opendal) }).await?;
                }
            }
        }
        limits.step(async { writer.close().await.map_err(of_opendal) }).await?;
        limits.step(self.settle(&partial, place, wanted.is_only_if_absent)).await?;
        Ok(Stored { etag: None, bytes })
    }

    fn attributes(&self, wanted: &Wanted<'_>) -> Result<Option<HashMap<String, String>>> {
        if !self.has_attributes {
            let needs = wanted.needs_content_type || !wanted.metadata.is_empty();
            return if needs { Err(without_attributes()) } else { Ok(None) };
        }
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut attributes: HashMap<_, _> = wanted.metadata.iter().map(own).collect();
        attributes.extend(wanted.content_type.map(|content_type| own((MIME_TYPE, content_type))));
        Ok(Some(attributes).filter(|attributes| !attributes.is_empty()))
    }

    /// Moves a file that is whole to its place, over the one that is there, or only if there is none.
    async fn settle(&self, partial: &Partial, place: Place<'_>, is_only_if_absent: bool) -> Result<()> {
        let target = self.path(place);
        let parent = target.parent().unwrap_or(&self.root);
        self.is_within(parent).await?;
        for attempt in 1..=ATTEMPTS {
            match fs::create_dir_all(parent).await {
                Err(error) if is_moving(&error) && attempt < ATTEMPTS => continue,
                made => made.map_err(blocked)?,
            }
            let settled = if is_only_if_absent {
                // In one step: who comes second is refused, in whatever process.
                fs::hard_link(partial.path(), &target).await
            } else {
                fs::rename(partial.path(), &target).await
            };
            match settled {
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => {}
                settled => return settled.map_err(of_file),
            }
        }
        Err(not_found())
    }

    /// Removes a file, and the folders that have nothing in them any more.
    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        let path = self.path(place);
        self.is_within(path.parent().unwrap_or(&self.root)).await?;
        match fs::symlink_metadata(&path).await {
            Ok(known) if known.is_dir() => return Ok(false),
            Ok(_) => {}
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(of_file(error)),
        }
        match fs::remove_file(&path).await {
            Ok(()) => {}
            // Somebody else was faster.
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(of_file(error)),
        }
        let container = self.root.join(place.container);
        let parents =
            path.ancestors().skip(1).take_while(|parent| *parent != container && parent.starts_with(&container));
        for parent in parents {
            // One that has something in it stays.
            if fs::remove_dir(parent).await.is_err() {
                break;
            }
        }
        Ok(true)
    }

    /// Returns where a file is. The place has no segment that would lead out of the folder.
    fn path(&self, place: Place<'_>) -> PathBuf {
        self.root.join(place.container).join(place.name)
    }

    pub(crate) fn walk(&self, place: Place<'_>, is_recursive: bool) -> Walk {
        Walk::new(self.root.join(place.container), place.name, is_recursive)
    }
}

/// Makes an operator of a folder; one for others writes whole files, too.
fn operator(root: &Path, partials: Option<&Path>) -> Result<Operator> {
    let text = |path: &Path| {
        path.to_str().map(ToOwned::to_owned).ok_or_else(|| Error::config("the folder's name is no UTF-8"))
    };
    let mut service = services::Fs::default().root(&text(root)?);
    if let Some(partials) = partials {
        service = service.atomic_write_dir(&text(partials)?);
    }
    Operator::new(service).map_err(of_opendal)
}

/// Whether it may be that a folder was just removed by who deleted the last object in it.
fn is_moving(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// A folder can't be made where a file is.
fn blocked(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => of_file(ErrorKind::NotADirectory.into()),
        _ => of_file(error),
    }
}

fn without_attributes() -> Error {
    unsupported("fs", "keep content types and metadata, as the file system has no extended attributes")
}
