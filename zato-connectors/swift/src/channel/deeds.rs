//! What is done with objects that were served, or given up: they are copied, and deleted.
//!
//! A large object is a list of segments. The list alone is copied at once, and has the segments of the original then, which
//! whoever puts the same file there once more takes for his own, and removes with the version after it. So what is moved, and
//! what goes to the dead letters, is [a copy that stands on its own](crate::CopyRequest), and those segments of an original that is
//! deleted go with it that are called by its name: what else it was put together from may be somebody's for its own sake.

use sha2::{Digest, Sha256};
use zato_core::{Error, Result, channel::broker::Reason, chrono::SecondsFormat};

use super::{
    entry::After,
    intake::CID,
    mark::Deed,
    work::{Attempt, Work},
};
use crate::{Metadata, ObjectDetails, SwiftErrorKind, error::kind_of, name, object::hexadecimal};

/// What became of a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It is done, or was before.
    It,
    /// There is another version of the object.
    NotThis,
}

/// What became of a copy to the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// It is made.
    It,
    /// The object is gone, or there is another version of it.
    NotThis,
}

/// How long a value of metadata may be, in bytes (Swift's `max_meta_value_length`).
const MAX_VALUE: usize = 256;

impl Work {
    /// Deletes an object, or moves it, if it is this version still.
    pub(super) async fn do_deed(&self, deed: Deed) -> Result<Done> {
        // Swift deletes whatever there is, on no condition: who puts it anew within this moment loses that.
        let details = match self.details().await? {
            None => return Ok(Done::It),
            Some(details) if !self.version.is_of(&details) => return Ok(Done::NotThis),
            Some(details) => details,
        };
        match (deed, &self.route.after) {
            (Deed::Move, After::Move { container, prefix }) => {
                let name = self.route.moved(prefix, &self.polled.container, &self.name);
                if self.copy(container, &name, &details, &Metadata::new()).await? == Copied::NotThis {
                    return Ok(Done::NotThis);
                }
            }
            (Deed::Move, _) => return Ok(Done::NotThis),
            _ => {}
        }
        let object = self.object();
        if details.is_large {
            return Box::pin(object.replacing(self.deleted())).await;
        }
        if deed == Deed::Move { self.deleted().await } else { object.delete_once().await.map(|_| Done::It) }
    }

    /// Looks once more at what took long to copy, or to find the segments of, and deletes it if it is this version still.
    ///
    /// That is tried once: who has put it anew after the first of two attempts would lose that. The next poll looks before it tries.
    async fn deleted(&self) -> Result<Done> {
        match self.details().await? {
            None => Ok(Done::It),
            Some(details) if !self.version.is_of(&details) => Ok(Done::NotThis),
            Some(_) => self.object().delete_once().await.map(|_| Done::It),
        }
    }

    /// Copies an object to the dead letters, with what there is to say about it.
    pub(super) async fn bury(&self, container: &str, name: &str, reason: &Reason, attempt: &Attempt) -> Result<Copied> {
        let Some(details) = self.details().await? else { return Ok(Copied::NotThis) };
        if !self.version.is_of(&details) {
            return Ok(Copied::NotThis);
        }
        let metadata = self.epitaph(reason, attempt);
        // One that has no room beside the container has its checksum instead.
        let short;
        let name = if name.len() > name::OBJECT {
            short = format!("{}/{}", self.polled.container, hexadecimal(&Sha256::digest(self.name.as_bytes())));
            &short
        } else {
            name
        };
        self.copy(container, name, &details, &metadata).await
    }

    /// Says why an object was given up, beside the metadata that it has.
    fn epitaph(&self, reason: &Reason, attempt: &Attempt) -> Metadata {
        let failed_at = self.shared.ambient.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let from = format!("{}/{}", self.polled.container, self.name);
        let attempts = attempt.number.to_string();
        let said = [
            ("zato-reason", reason.words.as_str()),
            ("zato-reason-kind", reason.kind),
            ("zato-attempts", &attempts),
            ("zato-channel", &self.shared.name),
            ("zato-service", &self.route.info.service),
            ("zato-from", &from),
            ("zato-failed-at", &failed_at),
            (CID, attempt.cid.as_str()),
        ];
        said.into_iter().map(|(name, value)| (name, fitting(value))).collect()
    }

    async fn details(&self) -> Result<Option<ObjectDetails>> {
        match self.object().head_newest().await {
            Ok(details) => Ok(Some(details)),
            Err(error) if kind_of(&error) == Some(SwiftErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Copies an object on the server, to a container that is made if it is not there.
    async fn copy(&self, container: &str, name: &str, details: &ObjectDetails, metadata: &Metadata) -> Result<Copied> {
        let swift = &self.shared.terms.store.swift;
        for is_first in [true, false] {
            let copied = self.object().copy_to(container, name).beside(metadata.clone()).only(details.clone()).await;
            let Err(error) = copied else { return Ok(Copied::It) };
            match kind_of(&error) {
                // Either of both is not there.
                Some(SwiftErrorKind::NotFound) if is_first => drop(swift.container(container).create().await?),
                Some(SwiftErrorKind::NotFound | SwiftErrorKind::PreconditionFailed) => return Ok(Copied::NotThis),
                _ => return Err(self.about(error, container)),
            }
        }
        Ok(Copied::NotThis)
    }

    fn about(&self, error: Error, container: &str) -> Error {
        error.with("container", &*self.polled.container).with("object", &self.name).with("to", container)
    }
}

/// Makes a text fit into metadata.
fn fitting(text: &str) -> String {
    let mut short = String::with_capacity(text.len().min(MAX_VALUE));
    for character in text.chars() {
        if short.len() + character.len_utf8() > MAX_VALUE {
            break;
        }
        short.push(if character.is_control() { ' ' } else { character });
    }
    short.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_metadata_has_no_more_room() {
        assert_eq!(fitting(" a\nb "), "a b");
        assert_eq!(fitting(&"ż".repeat(200)).len(), 256);
        assert_eq!(fitting(&format!("{}  ", "a".repeat(255))).len(), 255);
    }
}
