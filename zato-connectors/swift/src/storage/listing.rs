use std::{collections::VecDeque, sync::Arc};

use futures_util::StreamExt as _;
use opendal::{Lister, Operator};
use zato_core::Result;

use super::{
    connector::ObjectStorageClient,
    details::{etag, moment},
    error::of_opendal,
    folder::Walk,
    list::{Listed, ObjectEntry},
    place::{self, Place},
    store::Store,
};

/// A listing that has begun.
pub(super) struct Listing {
    client: Arc<ObjectStorageClient>,
    is_recursive: bool,
    source: Source,
}

enum Source {
    Walk(Walk),
    Pages { page: VecDeque<crate::Listed>, after: Option<String>, is_over: bool },
    Lister(Operator, Lister),
    Nothing,
}

impl Listing {
    pub(super) async fn begin(client: Arc<ObjectStorageClient>, prefix: &str, is_recursive: bool) -> Result<Self> {
        let place = place::prefix(client.container(), prefix)?;
        let source = match &client.store {
            Store::Folder(folder) => Source::Walk(folder.walk(place, is_recursive)),
            Store::Swift(_) => Source::Pages { page: VecDeque::new(), after: None, is_over: false },
            Store::Operators(operators) => {
                let begun = client.limits.keep("list", place, operators.list(place, is_recursive)).await?;
                begun.map_or(Source::Nothing, |(operator, lister)| Source::Lister(operator, lister))
            }
        };
        Ok(Self { client, is_recursive, source })
    }

    /// Returns the next entry, by the path that it is read by.
    pub(super) async fn next(&mut self, prefix: &str) -> Result<Option<Listed>> {
        let Self { client, is_recursive, source } = self;
        let place = place::prefix(client.container(), prefix)?;
        let next = match (source, &client.store) {
            (Source::Walk(walk), _) => client.limits.step(walk.next()).await,
            (Source::Pages { page, after, is_over }, Store::Swift(account)) => {
                if page.is_empty() && !*is_over {
                    *page = account.page(place, *is_recursive, after.as_deref()).await?.into();
                    *after = page.back().map(name);
                    *is_over = page.is_empty();
                }
                Ok(page.pop_front().map(Into::into))
            }
            (Source::Lister(operator, lister), _) => {
                client.limits.step(listed(operator, lister, place, *is_recursive)).await
            }
            (Source::Nothing | Source::Pages { .. }, _) => Ok(None),
        };
        let mut next = next.map_err(|error| client.limits.about(place, error))?;
        if let (Some(entry), None) = (&mut next, client.container()) {
            entry.path_mut().insert_str(0, &format!("{}/", place.container));
        }
        Ok(next)
    }
}

/// Returns what the next page begins after.
fn name(listed: &crate::Listed) -> String {
    match listed {
        crate::Listed::Prefix { prefix } => prefix.clone(),
        crate::Listed::Object(object) => object.name.clone(),
    }
}

impl From<crate::Listed> for Listed {
    fn from(listed: crate::Listed) -> Self {
        match listed {
            crate::Listed::Prefix { prefix } => Self::Folder { path: prefix },
            crate::Listed::Object(object) => {
                let crate::ObjectEntry { name: path, etag, bytes, last_modified, .. } = object;
                Self::Object(ObjectEntry { path, bytes, etag: Some(etag), last_modified })
            }
        }
    }
}

/// Returns the next entry that a lister has.
async fn listed(
    operator: &Operator,
    lister: &mut Lister,
    place: Place<'_>,
    is_recursive: bool,
) -> Result<Option<Listed>> {
    while let Some(entry) = lister.next().await {
        let entry = entry.map_err(of_opendal)?;
        let (path, known) = (entry.path(), entry.metadata());
        // opendal lists what it was asked about, too, and looks at paths without spaces around them.
        let is_folder = known.is_dir() || path.ends_with('/');
        if path == "/" || !path.starts_with(place.name) || (is_folder && (is_recursive || path == place.name)) {
            continue;
        }
        if is_folder {
            return Ok(Some(Listed::Folder { path: path.to_owned() }));
        }
        if known.is_file() {
            return Ok(Some(object(path, known)));
        }
        match operator.stat(path).await {
            Ok(known) => return Ok(Some(object(path, &known))),
            // It is gone since it was listed.
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => {}
            Err(error) => return Err(of_opendal(error)),
        }
    }
    Ok(None)
}

fn object(path: &str, known: &opendal::Metadata) -> Listed {
    let (path, bytes) = (path.to_owned(), known.content_length());
    Listed::Object(ObjectEntry { path, bytes, etag: etag(known), last_modified: moment(known) })
}
