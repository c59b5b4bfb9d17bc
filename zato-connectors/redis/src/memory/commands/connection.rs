//! What a connection says about itself, and asks of the server.

use super::super::{
    command::{Call, Command},
    reply::{Fault, Protocol, Reply, Result},
    server::DATABASES,
};

/// The version that is told, and done as.
const VERSION: &str = "7.0.15";

pub(super) const COMMANDS: &[Command] = &[
    Command::new("ping", -1, ping),
    Command::new("echo", 2, |call| Ok(Reply::bulk(call.next()?))),
    Command::new("select", 2, select),
    Command::new("auth", -2, auth),
    Command::new("hello", -1, hello),
    Command::new("client", -2, client),
    Command::new("quit", -1, quit),
    Command::new("reset", 1, reset),
    Command::new("dbsize", 1, |call| Ok(Reply::len(call.db().len()))),
    Command::writes("flushdb", -1, flush_database),
    Command::writes("flushall", -1, flush_all),
    Command::new("time", 1, time),
    Command::new("info", -1, info),
    Command::new("role", 1, role),
    Command::new("readonly", 1, |_| Err(Fault::new("ERR This instance has cluster support disabled"))),
    Command::new("wait", 3, |_| Ok(Reply::Int(0))),
];

fn ping(call: &mut Call<'_>) -> Result {
    if call.words.len() > 2 {
        return Err(Fault::arity(call.name));
    }
    let message = call.next_if_any();
    let is_subscribed = call.session().subscriptions() > 0;
    if is_subscribed && call.protocol() == Protocol::Resp2 {
        return Ok(Reply::Array(vec![Reply::bulk("pong"), Reply::bulk(message.unwrap_or_default())]));
    }
    Ok(message.map_or(Reply::Simple("PONG".into()), Reply::bulk))
}

pub(super) fn database(index: i64) -> Result<usize> {
    usize::try_from(index)
        .ok()
        .filter(|index| *index < DATABASES)
        .ok_or_else(|| Fault::new("ERR DB index is out of range"))
}

fn select(call: &mut Call<'_>) -> Result {
    let index = call.int()?;
    call.session().database = database(index)?;
    Ok(Reply::Ok)
}

/// Nobody needs a password here, as with the user `default` of a new server.
fn check_credentials(username: &[u8]) -> Result<()> {
    if username == b"default" {
        return Ok(());
    }
    Err(Fault::new("WRONGPASS invalid username-password pair or user is disabled."))
}

fn auth(call: &mut Call<'_>) -> Result {
    match call.rest {
        [_] => Err(Fault::new(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        )),
        [username, _] => check_credentials(username).map(|()| Reply::Ok),
        _ => Err(Fault::SYNTAX),
    }
}

fn hello(call: &mut Call<'_>) -> Result {
    let mut protocol = call.protocol();
    if !call.rest.is_empty() {
        let refused = Fault::new("NOPROTO unsupported protocol version");
        protocol = match call.int().map_err(|_| Fault::new("ERR Protocol version is not an integer or out of range"))? {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return Err(refused),
        };
    }
    let mut name = None;
    while let Some(option) = call.option() {
        match option.as_str() {
            "auth" if call.rest.len() >= 2 => {
                let username = call.next()?;
                call.next()?;
                check_credentials(username)?;
            }
            "setname" if !call.rest.is_empty() => name = Some(call.next()?),
            _ => return Err(Fault::new(format!("ERR Syntax error in HELLO option '{option}'"))),
        }
    }
    if let Some(name) = name {
        set_name(call, name)?;
    }
    call.session().protocol = protocol;
    let version = if protocol == Protocol::Resp3 { 3 } else { 2 };
    let id = i64::try_from(call.session).unwrap_or(i64::MAX);
    let said = [
        ("server", Reply::bulk("redis")),
        ("version", Reply::bulk(VERSION)),
        ("proto", Reply::Int(version)),
        ("id", Reply::Int(id)),
        ("mode", Reply::bulk("standalone")),
        ("role", Reply::bulk("master")),
        ("modules", Reply::Array(Vec::new())),
    ];
    Ok(Reply::Map(said.into_iter().map(|(key, value)| (Reply::bulk(key), value)).collect()))
}

fn set_name(call: &mut Call<'_>, name: &[u8]) -> Result {
    if !name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Err(Fault::new("ERR Client names cannot contain spaces, newlines or special characters."));
    }
    call.session().name = String::from_utf8_lossy(name).into_owned();
    Ok(Reply::Ok)
}

/// The subcommands that a connection of redis-rs or a test of failures needs.
fn client(call: &mut Call<'_>) -> Result {
    let word = call.next()?;
    match (super::super::command::lower(word).as_str(), call.rest) {
        ("id", []) => Ok(Reply::Int(i64::try_from(call.session).unwrap_or(i64::MAX))),
        ("setname", [name]) => set_name(call, name),
        ("getname", []) => match call.session().name.as_str() {
            "" => Ok(Reply::Nil),
            name => Ok(Reply::bulk(name)),
        },
        // 7.0 has no such subcommand, and redis-rs takes that as an answer.
        ("unblock", [id, ..]) => {
            let id = u64::try_from(super::super::number::parse_int(id)?).unwrap_or(0);
            Ok(Reply::flag(call.server.unblock(id, None)))
        }
        ("kill", rest) => kill(call, rest),
        ("no-evict" | "reply", _) => Ok(Reply::Ok),
        _ => Err(unknown_subcommand(call, word)),
    }
}

/// Ends connections: `ID n`, or `TYPE normal|pubsub`, except one's own unless it is named.
fn kill(call: &mut Call<'_>, filters: &[Vec<u8>]) -> Result {
    let [filter, wanted] = filters else { return Err(Fault::SYNTAX) };
    let wanted = super::super::command::lower(wanted);
    let filter = super::super::command::lower(filter);
    let own = call.session;
    let fits = |id: u64, is_subscribed: bool| match filter.as_str() {
        "id" => wanted == id.to_string(),
        "type" => id != own && wanted == if is_subscribed { "pubsub" } else { "normal" },
        _ => false,
    };
    let sessions = call.server.sessions.iter();
    let ids: Vec<u64> =
        sessions.filter(|(id, session)| fits(**id, session.subscriptions() > 0)).map(|(id, _)| *id).collect();
    for id in &ids {
        call.server.close(*id);
    }
    Ok(Reply::len(ids.len()))
}

pub(super) fn unknown_subcommand(call: &Call<'_>, word: &[u8]) -> Fault {
    let word = String::from_utf8_lossy(word);
    Fault::new(format!("ERR unknown subcommand '{word}'. Try {} HELP.", call.name.to_ascii_uppercase()))
}

fn quit(call: &mut Call<'_>) -> Result {
    let id = call.session;
    call.session().answer(&Reply::Ok);
    call.server.close(id);
    Ok(Reply::Silent)
}

fn reset(call: &mut Call<'_>) -> Result {
    let session = call.session();
    session.unwatch();
    session.queue = None;
    session.database = 0;
    session.protocol = Protocol::Resp2;
    session.channels.clear();
    session.patterns.clear();
    session.name.clear();
    Ok(Reply::Simple("RESET".into()))
}

fn flush_options(call: &mut Call<'_>) -> Result<()> {
    match call.option().as_deref() {
        None | Some("async" | "sync") => call.end(),
        Some(_) => Err(Fault::SYNTAX),
    }
}

fn flush_database(call: &mut Call<'_>) -> Result {
    flush_options(call)?;
    call.db().clear();
    Ok(Reply::Ok)
}

fn flush_all(call: &mut Call<'_>) -> Result {
    flush_options(call)?;
    for database in call.server.databases() {
        database.clear();
    }
    Ok(Reply::Ok)
}

fn time(call: &mut Call<'_>) -> Result {
    let now = call.now();
    Ok(Reply::bulks([(now / 1000).to_string().into_bytes(), (now % 1000 * 1000).to_string().into_bytes()]))
}

fn info(_: &mut Call<'_>) -> Result {
    let text =
        format!("# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\n\r\n# Replication\r\nrole:master\r\n");
    Ok(Reply::bulk(text))
}

fn role(_: &mut Call<'_>) -> Result {
    Ok(Reply::Array(vec![Reply::bulk("master"), Reply::Int(0), Reply::Array(Vec::new())]))
}
