//! Where connections lead to, and how they are made.

mod login;
mod prepare;
mod security;
mod sentinels;
mod stream;

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use redis::cluster::ClusterClient;
use tokio::time;
use zato_core::config::Secret;

pub(crate) use self::{login::answered, security::Security, stream::Stream};
use crate::{
    config::{Node, Place},
    error,
    link::Link,
};

/// Where the connections of an entry lead to.
pub(crate) struct Target {
    pub(crate) whereabouts: Whereabouts,
    pub(crate) credentials: Credentials,
    pub(crate) security: Security,
    pub(crate) db: i64,
    pub(crate) protocol: redis::ProtocolVersion,
    pub(crate) client_name: String,
    /// The number of the node or sentinel that has answered last.
    pub(crate) answered_last: AtomicUsize,
    /// How long it may take to be connected, and to be let in.
    pub(crate) connect_timeout: Duration,
}

/// Who connects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
}

/// Where servers are.
pub(crate) enum Whereabouts {
    /// One, whose address is known.
    Server(Place),
    /// One that sentinels know.
    Sentinels { nodes: Vec<Node>, master: String, credentials: Credentials },
    /// One in the test's own process.
    #[cfg(any(test, feature = "testing"))]
    Memory(crate::memory::Memory),
    /// Several, which share the keys among them.
    Cluster {
        client: Box<ClusterClient>,
        /// The same without an end of waiting for answers, for connections of one's own.
        patient: Box<ClusterClient>,
        nodes: Vec<Node>,
    },
}

impl Target {
    /// Makes a connection, on which several commands may be on their way at the same time.
    pub(crate) async fn connect(&self) -> redis::RedisResult<Link> {
        match &self.whereabouts {
            Whereabouts::Cluster { client, .. } => self.connect_to_cluster(client).await,
            _ => self.in_time(self.connect_to_server()).await,
        }
    }

    /// The same for a connection of one's own, whose user limits how long an answer may take.
    pub(crate) async fn connect_own(&self) -> redis::RedisResult<Link> {
        match &self.whereabouts {
            Whereabouts::Cluster { patient, .. } => self.connect_to_cluster(patient).await,
            _ => self.in_time(self.connect_to_server()).await,
        }
    }

    /// Makes a connection to one node of a cluster, to any if none is named.
    pub(crate) async fn connect_to_node(&self, node: Option<Node>) -> redis::RedisResult<Link> {
        let connected = async {
            let stream = match node {
                Some(node) => stream::open(&Place::Tcp(node), &self.security).await?,
                None => self.open().await?,
            };
            self.log_in(stream).await
        };
        self.in_time(connected).await
    }

    async fn connect_to_cluster(&self, client: &ClusterClient) -> redis::RedisResult<Link> {
        self.in_time(client.get_async_connection()).await.map(Link::Cluster)
    }

    async fn in_time<T>(&self, connected: impl Future<Output = redis::RedisResult<T>>) -> redis::RedisResult<T> {
        time::timeout(self.connect_timeout, connected).await.map_err(|_| error::late())?
    }

    async fn connect_to_server(&self) -> redis::RedisResult<Link> {
        let stream = self.open().await?;
        self.log_in(stream).await
    }

    /// Opens a stream of bytes to a server that takes writes, as far as can be known. Nobody has logged in there yet.
    pub(crate) async fn open(&self) -> redis::RedisResult<Stream> {
        match &self.whereabouts {
            Whereabouts::Server(place) => Ok(stream::open(place, &self.security).await?),
            Whereabouts::Sentinels { nodes, master, credentials } => {
                let place = self.ask_sentinels(nodes, master, credentials).await?;
                Ok(stream::open(&place, &self.security).await?)
            }
            #[cfg(any(test, feature = "testing"))]
            Whereabouts::Memory(memory) => Ok(Box::new(memory.stream())),
            Whereabouts::Cluster { nodes, .. } => self.open_any(nodes).await,
        }
    }

    /// Opens a stream to any node of a cluster: messages of publishers reach all of them.
    async fn open_any(&self, nodes: &[Node]) -> redis::RedisResult<Stream> {
        let mut last = error::late();
        for (number, node) in self.in_turn(nodes) {
            let place = Place::Tcp(node.clone());
            match time::timeout(self.share(nodes.len()), stream::open(&place, &self.security)).await {
                Ok(Ok(stream)) => {
                    self.answered_last.store(number, Relaxed);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.into(),
                Err(_) => last = error::late(),
            }
        }
        Err(last)
    }

    /// Returns the nodes, each with its number, beginning with the one that answered last.
    fn in_turn<'n>(&self, nodes: &'n [Node]) -> impl Iterator<Item = (usize, &'n Node)> {
        let first = self.answered_last.load(Relaxed);
        nodes.iter().enumerate().cycle().skip(first).take(nodes.len())
    }

    /// Returns the part of the time for connecting that each of so many has, so that one that hangs leaves some for the next.
    fn share(&self, parts: usize) -> Duration {
        self.connect_timeout / u32::try_from(parts).unwrap_or(u32::MAX).max(1)
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut target = f.debug_struct("Target");
        match &self.whereabouts {
            Whereabouts::Server(place) => target.field("server", place),
            Whereabouts::Sentinels { nodes, master, .. } => target.field("sentinels", nodes).field("master", master),
            #[cfg(any(test, feature = "testing"))]
            Whereabouts::Memory(memory) => target.field("memory", memory),
            Whereabouts::Cluster { nodes, .. } => target.field("cluster", nodes),
        };
        target.field("db", &self.db).finish_non_exhaustive()
    }
}
