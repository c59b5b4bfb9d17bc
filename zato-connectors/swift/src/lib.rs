//! OpenStack Swift for zato: containers, objects, and who may see them.

mod account;
mod auth;
mod body;
mod channel;
mod client;
mod config;
mod connector;
mod container;
mod error;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod metadata;
mod meter;
mod name;
mod object;
mod operator;
mod progress;
mod received;
pub mod storage;
mod temp_url;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod wire;

pub use self::{
    account::Account,
    body::IntoBytes,
    channel::SwiftChannels,
    client::Swift,
    config::{AfterSuccess, AuthVersion, CHANNEL, Interface, OUTGOING, SwiftChannelConfig, SwiftConfig},
    connector::{PreparedSwift, SwiftClient, SwiftConnector},
    container::{
        Container, ContainerDetails, ContainerEntry, CreateRequest, Entries, EntryStream, ListRequest, Listed,
        ObjectEntry,
    },
    error::{SwiftError, SwiftErrorKind},
    metadata::Metadata,
    object::{
        CopyRequest, GetRequest, Object, ObjectDetails, Part, PutRequest, Segment, Source, Stored, UploadRequest,
    },
    progress::Progress,
    received::Received,
    storage::{OBJECT_STORAGE, ObjectStorage, ObjectStorageConfig, ObjectStorageConnector},
    temp_url::TempUrlRequest,
};
/// The library that [`Swift::operator`] and [`ObjectStorage::operator`] hand out the operators of.
pub use opendal;
