use std::fmt;

use tokio::time::Instant;
use zato_core::{
    Result,
    ambient::Ambient,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    metrics::Exposition,
};

use super::{
    config::{OBJECT_STORAGE, ObjectStorageConfig},
    details::Stored,
    get::Part,
    limits::Limits,
    place::Place,
    put::{Content, Wanted},
    scheme::Scheme,
    store::Store,
};
use crate::{object::ByteRange, transport::patient};

/// The connector of `outgoing_object_storage`.
#[derive(Debug)]
pub struct ObjectStorageConnector;

/// An object storage whose configuration was found to be usable.
pub struct PreparedObjectStorage {
    config: ObjectStorageConfig,
    pub(super) scheme: Scheme,
    ambient: Ambient,
}

/// An object storage that is there.
pub struct ObjectStorageClient {
    pub(super) store: Store,
    /// What everything is in.
    pub(super) container: Option<String>,
    pub(super) max_size: usize,
    pub(super) limits: Limits,
    metrics: Metrics,
}

/// What counts the requests of an object storage, if nobody else tells of them.
pub(super) type Metrics = Option<Box<dyn Fn(&[(&'static str, &str)], &mut Exposition) + Send + Sync>>;

impl Connector for ObjectStorageConnector {
    const SECTION: SectionName = OBJECT_STORAGE;
    type Config = ObjectStorageConfig;
    type Prepared = PreparedObjectStorage;
    type Client = ObjectStorageClient;

    fn prepare(setup: Setup<'_, ObjectStorageConfig>) -> Result<PreparedObjectStorage, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, words) in setup.config.contradictions() {
            faults.push(setup.fault(key, words));
        }
        faults.into_result(())?;
        let scheme = Scheme::of(&setup)?;
        Ok(PreparedObjectStorage { scheme, ambient: setup.ambient.clone(), config: setup.config })
    }

    async fn connect(prepared: &PreparedObjectStorage) -> Result<ObjectStorageClient> {
        let PreparedObjectStorage { config, scheme, ambient } = prepared;
        let (store, metrics) = scheme.open(config, ambient).await?;
        store.ping().await?;
        let (connection, slow) = (config.name.clone(), config.slow_log.into());
        let limits = Limits { connection, patience: scheme.patience(config), slow };
        let (container, max_size) = (config.container.clone(), config.max_size.as_usize());
        Ok(ObjectStorageClient { store, container, max_size, limits, metrics })
    }

    async fn ping(client: &ObjectStorageClient) -> Result<()> {
        client.store.ping().await
    }

    fn metrics(client: &ObjectStorageClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        if let Some(metrics) = &client.metrics {
            metrics(labels, exposition);
        }
    }
}

impl ObjectStorageClient {
    pub(super) async fn read(&self, place: Place<'_>, range: Option<ByteRange>) -> Result<Part> {
        let Part { details, stream } = self.limits.keep("get", place, self.store.read(place, range)).await?;
        let stream = match self.limits.patience {
            Some(patience) => patient(stream, patience),
            None => stream,
        };
        Ok(Part { details, stream })
    }

    pub(super) async fn put(&self, place: Place<'_>, content: Content, wanted: &Wanted<'_>) -> Result<Stored> {
        let begun = Instant::now();
        let stored = self.store.put(place, content, wanted, &self.limits).await;
        self.limits.told("put", place, begun.elapsed());
        stored.map_err(|error| self.limits.about(place, error))
    }
}

impl fmt::Debug for PreparedObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedObjectStorage").field("connection", &self.config.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for ObjectStorageClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorageClient").field("store", &self.store).finish_non_exhaustive()
    }
}
