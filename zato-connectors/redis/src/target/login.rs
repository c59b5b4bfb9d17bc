//! What is said first on a connection.

use redis::{
    AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisResult, ServerErrorKind, Value, aio::MultiplexedConnection,
};

use tracing::warn;

use super::{Credentials, Stream, Target, Whereabouts};
use crate::link::{Link, Server};

impl Target {
    /// Logs in, and makes sure that the server does what it is asked for.
    pub(super) async fn log_in(&self, stream: Stream) -> RedisResult<Link> {
        let mut server = self.greet(stream, &self.credentials, self.db).await?;
        name(&mut server.connection, &self.visible_name()).await?;
        // One that loads its data, or wants to know who this is, lets connect and says so at the first command.
        answers(&mut server.connection).await?;
        if let Whereabouts::Sentinels { .. } = self.whereabouts {
            // Sentinels may not know yet that it is none any more ("Guidelines for Redis clients with support for Redis
            // Sentinel", step 3).
            is_master(&mut server.connection).await?;
        }
        Ok(Link::Server(server))
    }

    /// Returns what the server shows to operators: no spaces and nothing unseen, it says.
    pub(crate) fn visible_name(&self) -> String {
        self.client_name.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect()
    }

    /// Says who connects and what is spoken.
    pub(super) async fn greet(&self, stream: Stream, credentials: &Credentials, db: i64) -> RedisResult<Server> {
        let info = RedisConnectionInfo::default().set_db(db).set_protocol(self.protocol);
        let info = info.set_lib_name("zato", env!("CARGO_PKG_VERSION"));
        let info = match &credentials.username {
            Some(username) => info.set_username(username),
            None => info,
        };
        let info = match &credentials.password {
            Some(password) => info.set_password(password.expose()),
            None => info,
        };
        // How long a command may take is seen to where it is sent: that depends on the command.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
        Ok(Server::new(connection, driver))
    }
}

/// Tells the server what to call the connection. One that doesn't allow that does without.
async fn name(connection: &mut MultiplexedConnection, name: &str) -> RedisResult<()> {
    let mut command = Cmd::new();
    command.arg("CLIENT").arg("SETNAME").arg(name);
    connection.send_packed_command(&command).await.map(drop)
}

async fn answers(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut ping = Cmd::new();
    ping.arg("PING");
    answered(connection.send_packed_command(&ping).await?)
}

/// Tells whether an answer to a ping is a sign of life: also who may not ask for one was answered.
pub(crate) fn answered(value: Value) -> RedisResult<()> {
    match value.extract_error() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoPerm) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn is_master(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut role = Cmd::new();
    role.arg("ROLE");
    let role = match connection.send_packed_command(&role).await?.extract_error() {
        Err(error) if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoPerm) => {
            warn!(%error, "whether the server is the master can't be asked; allow the user ROLE");
            return Ok(());
        }
        role => role?,
    };
    let parts: Vec<Value> = redis::from_redis_value(role)?;
    match parts.first() {
        Some(Value::BulkString(word)) if word != b"master" => {
            Err((ServerErrorKind::ReadOnly.into(), "the server that the sentinels named is no master").into())
        }
        _ => Ok(()),
    }
}
