use std::{
    fmt,
    sync::{Arc, Once},
    time::Duration,
};

use tracing::warn;
use zato_core::{
    Error, Result,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    metrics::Exposition,
};

use crate::{
    client::SqlClient,
    config::{SQL, SqlConfig, SqlEngine},
    migrations::{AtStart, Migrations},
    options,
    pool::{Limits, Pool, Session, Target},
    statement::Statements,
};

/// The connector of `sql`.
#[derive(Debug)]
pub struct SqlConnector;

/// A connection whose configuration was found to be usable.
pub struct PreparedSql {
    limits: Limits,
    session: Session,
    target: Target,
    migrations: Option<AtStart>,
    engine: SqlEngine,
    /// How its password can be read on its way; warned of once.
    exposure: Option<&'static str>,
    warned: Once,
}

impl PreparedSql {
    pub(crate) fn new(config: &SqlConfig, target: Target) -> Self {
        Self {
            limits: limits(config),
            session: Session {
                statement_timeout: some(config.statement_timeout.0),
                is_read_only: config.read_only,
                variables: config.extra.pairs(),
                #[cfg(feature = "sqlite")]
                anchor: config.is_in_memory().then(Arc::default),
            },
            engine: config.engine,
            target,
            migrations: None,
            exposure: options::exposure(config),
            warned: Once::new(),
        }
    }

    /// Makes the connections that are to be there from the beginning.
    pub(crate) async fn connect(&self) -> Result<SqlClient> {
        if let Some(reason) = self.exposure {
            let connection = self.limits.name.as_str();
            self.warned.call_once(|| warn!(connection, reason, "the password of a database can be read on its way"));
        }
        if let Some(migrations) = &self.migrations {
            migrations.apply(&self.target, &self.session, &self.limits.name).await?;
        }
        let client = self.client();
        client.pool.warm_up().await?;
        Ok(client)
    }

    /// Makes a client that has no connection yet.
    pub(crate) fn client(&self) -> SqlClient {
        let statements = Statements::new(self.engine.into());
        SqlClient::new(Pool::new(self.limits.clone(), self.target.clone(), self.session.clone(), statements))
    }
}

impl fmt::Debug for PreparedSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedSql").field("connection", &self.limits.name).finish_non_exhaustive()
    }
}

/// Zero stands for no limit.
fn some(limit: Duration) -> Option<Duration> {
    Some(limit).filter(|limit| !limit.is_zero())
}

/// How long a connection lives. Servers of MariaDB and MySQL end those that are old, without a word.
fn lifetime(config: &SqlConfig) -> Option<Duration> {
    let usual = if config.engine == SqlEngine::MySql { 600 } else { 1_800 };
    some(config.max_lifetime.map_or(Duration::from_secs(usual), |longest| longest.0))
}

fn limits(config: &SqlConfig) -> Limits {
    // What is in the process and in no file belongs to one connection at a time.
    let is_in_memory = config.is_in_memory();
    let size = usize::try_from(config.pool_size).unwrap_or(usize::MAX);
    Limits {
        name: config.name.clone(),
        size: if is_in_memory { 1 } else { size },
        min: usize::try_from(config.min_connections).unwrap_or(size).min(if is_in_memory { 1 } else { size }),
        acquire_timeout: config.acquire_timeout.0,
        connect_timeout: config.connect_timeout.0,
        idle_timeout: some(config.idle_timeout.0),
        max_lifetime: if config.engine == SqlEngine::Sqlite { None } else { lifetime(config) },
        test_after: if config.engine == SqlEngine::Sqlite { Duration::MAX } else { config.test_after.0 },
        statement_timeout: some(config.statement_timeout.0),
        slow_statement: some(config.slow_statement.0),
    }
}

impl Connector for SqlConnector {
    const SECTION: SectionName = SQL;
    type Config = SqlConfig;
    type Prepared = PreparedSql;
    type Client = SqlClient;

    fn prepare(setup: Setup<'_, SqlConfig>) -> Result<PreparedSql, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, words) in setup.config.contradictions() {
            faults.push(setup.fault(key, words));
        }
        faults.into_result(())?;
        let mut prepared = PreparedSql::new(&setup.config, options::target(&setup)?);
        if let Some(folder) = &setup.config.migrations {
            let read = Migrations::read(&setup.files.path_of(folder), prepared.target.folder_names());
            prepared.migrations = Some(AtStart::new(read.map_err(|words| setup.fault("migrations", words))?));
        }
        Ok(prepared)
    }

    async fn connect(prepared: &PreparedSql) -> Result<SqlClient> {
        prepared.connect().await
    }

    async fn ping(client: &SqlClient) -> Result<()> {
        client.pool.ping().await
    }

    /// A connection that breaks is replaced by another; if none can be made, the database is gone.
    async fn lost(client: &SqlClient) -> Error {
        let error = client.pool.gone().await;
        client.pool.abandon();
        error
    }

    async fn close(client: Arc<SqlClient>) {
        let of_sqlx = async {
            if let Some(raw) = client.raw.get() {
                raw.close().await;
            }
        };
        tokio::join!(client.pool.close(), of_sqlx);
    }

    fn metrics(client: &SqlClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        let (in_use, idle) = client.pool.counts();
        client.pool.meter.add_to((in_use, idle, client.pool.limits.size), labels, exposition);
    }
}
