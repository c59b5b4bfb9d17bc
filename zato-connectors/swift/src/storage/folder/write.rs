//! Storing files.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use zato_core::{Error, Result, bytes::Bytes};

use super::{
    Folder, Shared,
    attributes::Attributes,
    blocking,
    durability::Durability,
    given_up::{GivenUp, waited_for},
    partial::Partial,
    there::{There, in_the_way, look},
};
use crate::storage::{
    details::Stored,
    error::{not_found, of_file, unsupported},
    limits::Limits,
    place::Place,
    put::{Content, Wanted},
};

/// How often a file is moved to its place while others remove the folder that it is to lie in.
const ATTEMPTS: usize = 50;

/// How much is written before it is written out: a disk that is slow has less to do within the time of one step.
const PART: usize = if cfg!(test) { 1024 * 1024 } else { 64 * 1024 * 1024 };

/// A file that is being written, with what it will be called.
struct Writing {
    file: File,
    partial: Partial,
    bytes: u64,
    /// How much of it was not written out yet.
    pending: usize,
}

impl Folder {
    /// Writes a file beside the others, and moves it to its place when it is whole, and written out with its attributes.
    pub(crate) async fn put(
        &self,
        place: Place<'_>,
        content: Content,
        wanted: &Wanted<'_>,
        limits: &Limits,
    ) -> Result<Stored> {
        let (attributes, path) = (self.attributes(wanted)?, self.path(place));
        let (shared, partial) = (self.shared.clone(), self.partial());
        let mut writing = limits.step(blocking(move || Writing::begin(&shared.root, partial, &attributes))).await?;
        match content {
            Content::Bytes(whole) => writing = self.add(writing, whole, limits).await?,
            Content::Stream(mut stream) => {
                while let Some(piece) = stream.chunk().await? {
                    writing = self.add(writing, piece, limits).await?;
                }
            }
        }
        let shared = self.shared.clone();
        if shared.durability.is_on() {
            writing = limits.step(blocking(move || writing.written_out(Durability::file, &shared.durability))).await?;
        }
        let (shared, is_only_if_absent, bytes) = (self.shared.clone(), wanted.is_only_if_absent, writing.bytes);
        let settle = move |given_up: &_| writing.settle(&shared, &path, is_only_if_absent, given_up);
        limits.step(waited_for(settle)).await?;
        Ok(Stored { etag: None, bytes })
    }

    /// Adds a piece of any length, each part of it in a step of its own.
    async fn add(&self, mut writing: Writing, mut piece: Bytes, limits: &Limits) -> Result<Writing> {
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(PART));
            writing = limits.step(blocking(move || writing.add(&part))).await?;
            if writing.pending >= PART && self.shared.durability.is_on() {
                let shared = self.shared.clone();
                writing =
                    limits.step(blocking(move || writing.written_out(Durability::part, &shared.durability))).await?;
            }
        }
        Ok(writing)
    }

    fn attributes(&self, wanted: &Wanted<'_>) -> Result<Attributes> {
        if !self.has_attributes {
            let needs = wanted.needs_content_type || !wanted.metadata.is_empty();
            return if needs { Err(without_attributes()) } else { Ok(Attributes::default()) };
        }
        Attributes::new(wanted.content_type, &wanted.metadata)
    }
}

impl Writing {
    /// Begins with the attributes: if they can't be kept, that is known before anything was sent.
    fn begin(root: &Path, partial: Partial, attributes: &Attributes) -> Result<Self> {
        let create = || File::options().write(true).create_new(true).open(partial.path());
        let file = match create() {
            // Somebody has taken the folder away in which the files are that are not whole yet.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(root.join(super::partial::FOLDER)).and_then(|()| create())
            }
            file => file,
        };
        let file = file.map_err(of_file)?;
        attributes.write(&file)?;
        Ok(Self { file, partial, bytes: 0, pending: 0 })
    }

    fn add(mut self, piece: &[u8]) -> Result<Self> {
        self.file.write_all(piece).map_err(of_file)?;
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        self.pending = self.pending.saturating_add(piece.len());
        Ok(self)
    }

    fn written_out(
        mut self,
        how: impl FnOnce(&Durability, &File, &Path) -> io::Result<()>,
        durability: &Durability,
    ) -> Result<Self> {
        how(durability, &self.file, self.partial.path()).map_err(of_file)?;
        self.pending = 0;
        Ok(self)
    }

    /// Moves it to its place, over the file that is there, or only if there is none.
    fn settle(self, shared: &Shared, target: &Path, is_only_if_absent: bool, given_up: &GivenUp) -> Result<()> {
        let Self { file, mut partial, .. } = self;
        drop(file);
        if look(&shared.root, target)? == There::Other {
            return Err(in_the_way());
        }
        let parent = target.parent().unwrap_or(&shared.root);
        for attempt in 1..=ATTEMPTS {
            given_up.check()?;
            match fs::create_dir_all(parent) {
                Err(error) if is_moving(&error) && attempt < ATTEMPTS => continue,
                made => made.map_err(blocked)?,
            }
            // A newer version may be there since.
            given_up.check()?;
            let settled = if is_only_if_absent {
                // In one step: who comes second is refused, in whatever process.
                fs::hard_link(partial.path(), target)
            } else {
                fs::rename(partial.path(), target).inspect(|()| partial.is_gone())
            };
            match settled {
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => {}
                Err(error) => return Err(of_file(error)),
                Ok(()) => return shared.durability.folder(&shared.root, parent).map_err(of_file),
            }
        }
        Err(not_found())
    }
}

/// Whether it may be that a folder was just removed by who deleted the last object in it.
fn is_moving(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

/// A folder can't be made where a file is.
fn blocked(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => of_file(ErrorKind::NotADirectory.into()),
        _ => of_file(error),
    }
}

fn without_attributes() -> Error {
    unsupported("fs", "keep content types and metadata, as the file system has no extended attributes")
}
