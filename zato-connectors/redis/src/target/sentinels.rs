//! Where the master is, as sentinels know ("Guidelines for Redis clients with support for Redis Sentinel").

use std::sync::atomic::Ordering::Relaxed;

use redis::{Cmd, ErrorKind, RedisResult};
use tokio::time;

use super::{Credentials, Target, stream};
use crate::{
    config::{Node, Place},
    error,
};

impl Target {
    /// Asks one sentinel after the other.
    pub(super) async fn ask_sentinels(
        &self,
        nodes: &[Node],
        master: &str,
        credentials: &Credentials,
    ) -> RedisResult<Place> {
        let mut last = (ErrorKind::EmptySentinelList, "there is no sentinel to ask").into();
        for (number, node) in self.in_turn(nodes) {
            // One part is for the master itself.
            let asked = time::timeout(self.share(nodes.len() + 1), self.ask(node, master, credentials));
            match asked.await.unwrap_or_else(|_| Err(error::late())) {
                Ok(place) => {
                    self.answered_last.store(number, Relaxed);
                    return Ok(place);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask(&self, node: &Node, master: &str, credentials: &Credentials) -> RedisResult<Place> {
        let stream = stream::open(&Place::Tcp(node.clone()), &self.security).await?;
        let mut sentinel = self.greet(stream, credentials, 0).await?;
        let mut question = Cmd::new();
        question.arg("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let answer = sentinel.connection.send_packed_command(&question).await?.extract_error()?;
        let found: Option<(String, u16)> = redis::from_redis_value(answer)?;
        let unknown = || (ErrorKind::MasterNameNotFoundBySentinel, "the sentinels know no master of the name").into();
        found.map(|(host, port)| Place::Tcp(Node { host, port })).ok_or_else(unknown)
    }
}
