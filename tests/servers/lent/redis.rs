//! Redis: alone, replicated under a sentinel, and in a cluster.

use std::io;

use tokio::task::spawn_blocking;

use super::{Lent, fresh_name, until};
use crate::node::{Node, redis};

/// A Redis, as one test sees it.
#[derive(Debug)]
pub(crate) struct Redis {
    lent: Lent,
    prefix: String,
}

impl Redis {
    /// The one that all tests share; see [`Lent::shared`]. Every key and channel of the test has to begin with its
    /// [`prefix`](Self::prefix).
    pub(crate) async fn shared(test: &str) -> Option<Self> {
        Some(Self { lent: Lent::shared(&redis::Redis, test).await?, prefix: fresh_name('-') + ":" })
    }

    /// One that nobody else uses; see [`Lent::own`]. What it has taken is there when it is started again, also after it
    /// was killed.
    pub(crate) async fn own(test: &str) -> Option<Self> {
        Self::told(&[], test).await
    }

    /// The same, told more than every one is: `["--maxmemory", "1mb"]`.
    pub(crate) async fn told(arguments: &[&str], test: &str) -> Option<Self> {
        let arguments = [&redis::Redis::DURABLE, arguments].concat();
        Some(Self { lent: Lent::own(&redis::Redis, &arguments, test).await?, prefix: String::new() })
    }

    /// A replica of this one, once it has all that this one has.
    pub(crate) async fn replica(&self, test: &str) -> Self {
        let (host, port) = self.address().split_once(':').expect("it has a port");
        let replica = Self::told(&["--replicaof", &format!("{host} {port}")], test).await.expect("it is here");
        let is_linked = async || replica.info("master_link_status").await.filter(|status| status == "up");
        until("the replica linked", is_linked).await;
        replica
    }

    /// Where to connect.
    pub(crate) fn url(&self) -> &str {
        &self.lent.place().url
    }

    /// The same over TLS.
    pub(crate) fn tls_url(&self) -> &str {
        &self.lent.place().tls_url
    }

    /// Where to connect, as host and port.
    pub(crate) fn address(&self) -> &str {
        let (_, rest) = self.url().split_once("://").expect("it has a scheme");
        rest.split('/').next().expect("a split has a first part")
    }

    /// What every key of this test begins with; empty for an own server.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The server, to stop, kill, pause and start it if it is this test's alone.
    pub(crate) fn server(&self) -> &Lent {
        &self.lent
    }

    /// Sends a command with Redis' own client, and returns the answer as that prints it.
    pub(crate) async fn command(&self, command: &[&str]) -> String {
        self.try_command(command).await.unwrap_or_else(|error| panic!("the server can't do that: {error}"))
    }

    /// As [`command`](Self::command), where it may fail.
    pub(crate) async fn try_command(&self, command: &[&str]) -> io::Result<String> {
        command_at(&self.lent, command).await
    }

    /// A field of what `INFO` says.
    pub(crate) async fn info(&self, field: &str) -> Option<String> {
        let info = self.try_command(&["INFO", "everything"]).await.ok()?;
        let value = info.lines().find_map(|line| line.trim_end().strip_prefix(field)?.strip_prefix(':'));
        value.map(str::to_owned)
    }

    /// Cuts every connection but the one that does it; returns how many there were.
    pub(crate) async fn cut(&self) -> usize {
        let mut cut = 0;
        for kind in ["normal", "pubsub"] {
            let killed = self.command(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]).await;
            cut += killed.parse::<usize>().expect("it is a number");
        }
        cut
    }
}

async fn command_at(lent: &Lent, command: &[&str]) -> io::Result<String> {
    let (installation, url) = (lent.installation().clone(), lent.place().url.clone());
    let command: Vec<String> = command.iter().map(|&argument| argument.to_owned()).collect();
    let ran = spawn_blocking(move || {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        redis::Redis::command(&installation, &url, &command)
    });
    ran.await.expect("the work ends")
}

/// A sentinel that watches one primary under the name [`MAIN`](Self::MAIN), and makes a replica the primary once that one
/// is gone for half a second.
#[derive(Debug)]
pub(crate) struct Sentinel(Lent);

impl Sentinel {
    /// What the primary is called.
    pub(crate) const MAIN: &str = "main";

    /// Starts one, and waits until it knows of so many replicas.
    pub(crate) async fn watching(primary: &Redis, replicas: usize, test: &str) -> Self {
        let (host, port) = primary.address().split_once(':').expect("it has a port");
        let main = Self::MAIN;
        let lines = [
            format!("sentinel monitor {main} {host} {port} 1"),
            format!("sentinel down-after-milliseconds {main} 500"),
            format!("sentinel failover-timeout {main} 5000"),
        ];
        let lines = lines.each_ref().map(String::as_str);
        let sentinel = Self(Lent::own(&redis::Sentinel, &lines, test).await.expect("it is here"));
        let knows = async || {
            let known = sentinel.command(&["SENTINEL", "REPLICAS", main]).await;
            (known.lines().filter(|line| *line == "runid").count() == replicas).then_some(())
        };
        until("the sentinel knowing the replicas", knows).await;
        sentinel
    }

    /// Where to ask it, as host and port.
    pub(crate) fn address(&self) -> &str {
        let url = &self.0.place().url;
        url.strip_prefix("redis://").expect("it has this scheme")
    }

    /// The server, to stop, kill, pause and start it.
    pub(crate) fn server(&self) -> &Lent {
        &self.0
    }

    /// The port of who is the primary now.
    pub(crate) async fn primary(&self) -> String {
        let address = self.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MAIN]).await;
        address.lines().last().unwrap_or_default().to_owned()
    }

    /// As [`command`](Self::command), where it may fail.
    pub(crate) async fn try_command(&self, command: &[&str]) -> io::Result<String> {
        command_at(&self.0, command).await
    }

    /// Sends it a command with Redis' own client.
    pub(crate) async fn command(&self, command: &[&str]) -> String {
        self.try_command(command).await.unwrap_or_else(|error| panic!("the sentinel can't do that: {error}"))
    }
}

/// A cluster of three primaries without replicas, each with a third of the slots.
#[derive(Debug)]
pub(crate) struct Cluster(Vec<Redis>);

impl Cluster {
    /// Starts one, and waits until each of its members takes every key.
    pub(crate) async fn own(test: &str) -> Option<Self> {
        let told = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let mut members = Vec::new();
        for (epoch, (first, last)) in [(0, 5460), (5461, 10922), (10923, 16383)].into_iter().enumerate() {
            let member = Redis::told(&told, test).await?;
            member.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(epoch + 1).to_string()]).await;
            member.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await;
            members.push(member);
        }
        let cluster = Self(members);
        for other in cluster.members() {
            cluster.meet(other).await;
        }
        for member in cluster.members() {
            until("the cluster whole", async || is_whole(member, 3).await.then_some(())).await;
        }
        Some(cluster)
    }

    /// The same with a replica of the last member, which takes its place when it is gone for two seconds. The others go on
    /// meanwhile.
    pub(crate) async fn replicated(test: &str) -> Option<(Self, Redis)> {
        let cluster = Self::own(test).await?;
        let told = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let replica = Redis::told(&told, test).await?;
        cluster.meet(&replica).await;
        for member in cluster.members().iter().chain([&replica]) {
            member.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]).await;
            until("the cluster knowing the replica", async || is_whole(member, 4).await.then_some(())).await;
        }
        let last = cluster.members().last().expect("there are three");
        let id = last.command(&["CLUSTER", "MYID"]).await;
        replica.command(&["CLUSTER", "REPLICATE", &id]).await;
        let is_linked = async || replica.info("master_link_status").await.filter(|status| status == "up");
        until("the replica linked", is_linked).await;
        for member in cluster.members() {
            let is_known = async || {
                let nodes = member.try_command(&["CLUSTER", "REPLICAS", &id]).await.ok()?;
                nodes.contains("connected").then_some(())
            };
            until("the replica known", is_known).await;
        }
        Some((cluster, replica))
    }

    /// Has the first member tell the others of one.
    async fn meet(&self, other: &Redis) {
        let first = self.members().first().expect("there are three");
        let ports = other.lent.on_node(|node: &mut Node| Ok((node.port(0), node.port(2)))).await;
        let (port, bus) = (ports.0.to_string(), ports.1.to_string());
        first.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
    }

    /// Its members, by the slots that they have.
    pub(crate) fn members(&self) -> &[Redis] {
        &self.0
    }

    /// Where to connect.
    pub(crate) fn urls(&self) -> Vec<&str> {
        self.0.iter().map(Redis::url).collect()
    }
}

/// Whether a member of a cluster takes every key and knows so many.
async fn is_whole(member: &Redis, known: usize) -> bool {
    let Ok(info) = member.try_command(&["CLUSTER", "INFO"]).await else { return false };
    let is = |line: &str| info.lines().any(|said| said.trim_end() == line);
    is("cluster_state:ok") && is(&format!("cluster_known_nodes:{known}"))
}
