//! Commands that the nodes of a cluster refuse are sent again, and no others: the library would do that with those that broke on
//! their way as well, which may have been done.

use std::time::Duration;

use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, aio::ConnectionLike,
    cluster_async::ClusterConnection, cluster_routing::SingleNodeRoutingInfo,
};
use tokio::time;

/// How often a command is sent until the cluster has found out who has its key.
const ATTEMPTS: u32 = 8;

/// The first pause, which is doubled each time: a second and a quarter all in all.
const PAUSE: Duration = Duration::from_millis(10);

/// What follows an error.
enum Next {
    /// Nobody has done it; the library looks for who can meanwhile.
    Again,
    /// One node has to be asked in particular, while a slot is moved.
    Ask(String, u16),
    Over,
}

fn next(error: &RedisError) -> Next {
    match error.kind() {
        ErrorKind::ClusterConnectionNotFound
        | ErrorKind::Server(
            ServerErrorKind::Moved
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly,
        ) => Next::Again,
        ErrorKind::Server(ServerErrorKind::Ask) => {
            let place = error.redirect_node().and_then(|(address, _)| address.rsplit_once(':'));
            let place = place.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
            place.map_or(Next::Again, |(host, port)| Next::Ask(host, port))
        }
        _ => Next::Over,
    }
}

/// Sends a command.
pub(super) async fn send(cluster: &mut ClusterConnection, command: &Cmd) -> RedisResult<Value> {
    let (mut answer, mut pause) = (cluster.req_packed_command(command).await, PAUSE);
    for _ in 1..ATTEMPTS {
        let Err(error) = &answer else { return answer };
        match next(error) {
            Next::Over => return answer,
            Next::Ask(host, port) => {
                answer = ask(cluster, command, host, port).await;
                if answer.is_ok() {
                    return answer;
                }
            }
            Next::Again => {
                time::sleep(pause).await;
                pause *= 2;
                answer = cluster.req_packed_command(command).await;
            }
        }
    }
    answer.map_err(not_now)
}

/// Sends a command to the node that a slot is moved to.
async fn ask(cluster: &mut ClusterConnection, command: &Cmd, host: String, port: u16) -> RedisResult<Value> {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("ASKING").add_command(command.clone());
    let node = SingleNodeRoutingInfo::ByAddress { host, port };
    let answers = cluster.route_pipeline(pipeline, 0, 2, node).await?;
    answers.into_iter().last().unwrap_or_default().extract_error()
}

/// Sends several commands. Those that are not one step may have been done in part, so that they are sent once.
pub(super) async fn send_all(
    cluster: &mut ClusterConnection,
    pipeline: &Pipeline,
    offset: usize,
    count: usize,
) -> RedisResult<Vec<Value>> {
    let (mut answers, mut pause) = (cluster.req_packed_commands(pipeline, offset, count).await, PAUSE);
    for _ in 1..ATTEMPTS {
        let Err(error) = &answers else { return answers };
        let is_undone = pipeline.is_transaction() || pipeline.len() == 1;
        if !is_undone || matches!(next(error), Next::Over) {
            break;
        }
        time::sleep(pause).await;
        pause *= 2;
        answers = cluster.req_packed_commands(pipeline, offset, count).await;
    }
    answers.map_err(not_now)
}

/// A key that nobody has now will be somebody's again: it is not that the cluster's nodes were not named.
fn not_now(error: RedisError) -> RedisError {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
            (ErrorKind::Server(ServerErrorKind::TryAgain), "the slot is being moved", error.to_string()).into()
        }
        _ => error,
    }
}
