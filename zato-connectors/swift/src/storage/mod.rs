//! Objects in whatever keeps them: a folder, the memory of the process, Swift, S3, or another store that opendal knows.
//!
//! Which one it is stands in the configuration, in one line:
//!
//! ```yaml
//! outgoing_object_storage:
//!   - name: Invoice Dispatcher
//!     scheme: fs
//!     fs: {root: invoices}
//!     swift: {connection: Cloud}
//! ```
//!
//! Services say the same to all of them; what one can't do is refused with an error that says so:
//!
//! | | `fs` | `memory` | `swift` | `s3` | others |
//! | --- | --- | --- | --- | --- | --- |
//! | content type | as an extended attribute | yes | yes | yes | mostly |
//! | metadata | as extended attributes | no | yes | yes | some |
//! | only if absent | yes | yes | yes | if the server does | some |
//! | ETag | no | no | yes | yes | mostly |
//! | order of names | byte by byte | byte by byte | byte by byte | byte by byte | their own |
//! | makes containers | yes | yes | yes | no | folders |
//!
//! In a folder `a` and `a/b` can't both be objects, and links are not followed. An object is kept whole or not at all on all of them.

mod client;
pub(crate) mod config;
mod connector;
#[cfg(test)]
mod contract;
mod copy;
mod delete;
mod details;
pub(crate) mod error;
mod folder;
mod get;
mod limits;
mod list;
mod listing;
mod operators;
mod place;
mod put;
mod scheme;
mod store;
mod swift;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod testing;

pub use self::{
    client::ObjectStorage,
    config::{OBJECT_STORAGE, ObjectStorageConfig, S3Config},
    connector::{ObjectStorageClient, ObjectStorageConnector, PreparedObjectStorage},
    details::{ObjectDetails, Stored},
    get::{GetRequest, Part},
    list::{Entries, ListRequest, Listed, ObjectEntry},
    put::PutRequest,
};
pub use crate::container::EntryStream;
