//! The one connection that ordinary commands share.

mod cluster;
mod own;
mod shared;
mod watched;

use std::{fmt, sync::Arc};

use redis::{
    Cmd, Pipeline, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use self::shared::RedisConnection;
pub(crate) use self::{
    own::{Wait, waits},
    shared::name,
    watched::{ReadOnly, Rules, Watched},
};

/// A connection to a server, of whatever kind. A clone is the same connection.
#[derive(Clone)]
pub(crate) enum Link {
    /// One server.
    Server(Server),
    /// The nodes of a cluster, to whom the library connects by itself.
    Cluster(ClusterConnection),
}

/// A connection to one server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) connection: MultiplexedConnection,
    /// Ends with the last clone.
    driver: Arc<Driver>,
}

/// What reads and writes.
struct Driver {
    ended: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) fn new(connection: MultiplexedConnection, driver: impl Future<Output = ()> + Send + 'static) -> Self {
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        #[expect(clippy::disallowed_methods, reason = "the handle is kept, and aborted with the last clone")]
        let task = tokio::spawn(async move {
            let _guard = guard;
            driver.await;
        });
        Self { connection, driver: Arc::new(Driver { ended, _task: AbortOnDropHandle::new(task) }) }
    }
}

impl Link {
    /// Sends a command and waits for its answer. What a cluster takes for that lies in a box, so that it doesn't make all others
    /// larger.
    pub(crate) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(server) => server.connection.send_packed_command(command).await,
            Self::Cluster(cluster) => Box::pin(cluster::send(cluster, command)).await,
        }
    }

    pub(crate) async fn send_all(
        &mut self,
        pipeline: &Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(server) => server.connection.send_packed_commands(pipeline, offset, count).await,
            Self::Cluster(cluster) => Box::pin(cluster::send_all(cluster, pipeline, offset, count)).await,
        }
    }

    /// Asks for a sign of life; in a cluster, one node.
    pub(crate) async fn ping(&mut self) -> RedisResult<Value> {
        let mut ping = Cmd::new();
        ping.arg("PING");
        match self {
            Self::Server(server) => server.connection.send_packed_command(&ping).await,
            Self::Cluster(cluster) => {
                cluster.route_command(ping, RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random)).await
            }
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    pub(crate) fn db(&self) -> i64 {
        match self {
            Self::Server(server) => server.connection.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }

    /// Waits until the other side has closed the connection. That of a cluster is several, which are made anew by themselves.
    pub(crate) async fn ended(&self) {
        match self {
            Self::Server(server) => server.driver.ended.cancelled().await,
            Self::Cluster(_) => std::future::pending().await,
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Server(server) => server.driver.ended.is_cancelled(),
            Self::Cluster(_) => false,
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Server",
            Self::Cluster(_) => "Cluster",
        })
    }
}
