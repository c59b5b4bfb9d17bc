//! Deleting many objects, and a container with all that is in it.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderValue, Method, header};
use serde::Deserialize;
use tokio::time;
use tracing::info;
use zato_core::{Error, Result};

use super::{Container, Listed};
use crate::{
    error, name,
    transport::Body,
    wire::{Answer, Call},
};

/// How many objects are deleted by one request; servers take 10,000, and answer after the last.
const BATCH: usize = 500;

/// How large an answer may be that names what could not be deleted.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// How often a container is emptied that somebody fills meanwhile.
const ROUNDS: usize = 5;

/// How long a listing may be behind.
const BEHIND: Duration = Duration::from_secs(1);

/// What became of a request to delete many.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    #[serde(rename = "Number Deleted")]
    deleted: u64,
    #[serde(rename = "Response Status")]
    status: String,
    #[serde(rename = "Response Body", default)]
    said: String,
    #[serde(rename = "Errors", default)]
    errors: Vec<(String, String)>,
}

impl Container {
    /// Deletes objects, and returns how many were there. Of large objects the segments are left; see
    /// [`delete_with_segments`](crate::Object::delete_with_segments).
    ///
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if some of them could not be deleted, with the first and how many; the others
    /// are. Beside that as [all verbs](crate::Swift#errors).
    ///
    /// # Cancel safety
    ///
    /// Some of them may be deleted then.
    #[doc(alias = "bulk_delete")]
    pub async fn delete_objects<N: AsRef<str>>(&self, names: &[N]) -> Result<u64> {
        let mut deleted = 0;
        for name in names {
            name::object(name.as_ref())?;
        }
        for batch in names.chunks(BATCH) {
            deleted += self.delete_batch(batch).await?;
        }
        Ok(deleted)
    }

    /// Deletes the container with all that is in it, and returns how many objects that were.
    ///
    /// # Errors
    ///
    /// [`Conflict`](zato_core::Kind::Conflict) if somebody goes on filling it; beside that as
    /// [`delete_objects`](Self::delete_objects).
    ///
    /// # Cancel safety
    ///
    /// Some of its objects may be deleted then.
    pub async fn delete_with_objects(&self) -> Result<u64> {
        let mut deleted = 0;
        for _ in 1..ROUNDS {
            if !self.exists().await? {
                return Ok(deleted);
            }
            deleted += self.empty().await?;
            match self.delete().await {
                Ok(_) => {
                    info!(
                        connection = self.swift.name(),
                        container = self.name(),
                        deleted,
                        "container deleted with its objects"
                    );
                    return Ok(deleted);
                }
                // A listing may be behind, and somebody may have put something there meanwhile.
                Err(error) if error.kind() == zato_core::Kind::Conflict => time::sleep(BEHIND).await,
                Err(error) => return Err(error),
            }
        }
        deleted += self.empty().await?;
        self.delete().await.map(|_| deleted)
    }

    /// Deletes all objects.
    async fn empty(&self) -> Result<u64> {
        let (mut deleted, mut names) = (0, Vec::with_capacity(BATCH));
        let mut listing = self.objects().page_size(BATCH).entries();
        while let Some(entry) = listing.next().await? {
            if let Listed::Object(object) = entry {
                names.push(object.name);
            }
            if names.len() >= BATCH {
                deleted += self.delete_batch(&names).await?;
                names.clear();
            }
        }
        Ok(deleted + self.delete_batch(&names).await?)
    }

    async fn delete_batch<N: AsRef<str>>(&self, names: &[N]) -> Result<u64> {
        if names.is_empty() {
            return Ok(0);
        }
        name::container(&self.name)?;
        let mut lines = String::new();
        for object in names {
            // Writing into a string can't fail.
            let _ = writeln!(lines, "{}", name::line(&self.name, object.as_ref()));
        }
        let call = Call::account(Method::POST)
            .query("bulk-delete", None)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            // What is gone already is not an error, so that doing it twice does no harm.
            .body(Body::Bytes(lines.into()));
        let outcome = Outcome::read(self.swift.call(call).await?).await;
        outcome.and_then(Outcome::checked).map_err(|error| self.about(error))
    }

    fn about(&self, error: Error) -> Error {
        error.with("connection", self.swift.name()).with("container", &*self.name)
    }
}

impl Outcome {
    pub(crate) async fn read(answer: Answer) -> Result<Self> {
        let bytes = answer.bytes(MAX_ANSWER).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| error::unexpected("the answer to a bulk delete can't be read").with_source(error))
    }

    /// Returns how many were deleted, if nothing went wrong.
    pub(crate) fn checked(self) -> Result<u64> {
        if self.status.starts_with("200") && self.errors.is_empty() {
            return Ok(self.deleted);
        }
        let Self { status, said, errors, .. } = self;
        let said = match errors.first() {
            Some((name, status)) => format!("{} could not be deleted, the first is {name}: {status}", errors.len()),
            None => format!("{status} {said}"),
        };
        Err(error::unexpected(said))
    }
}
