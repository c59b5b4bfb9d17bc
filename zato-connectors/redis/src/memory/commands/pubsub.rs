//! Publishing, and subscriptions to channels and patterns.

use super::{
    super::{
        command::{Call, Command, lower},
        glob,
        reply::{Fault, Protocol, Reply, Result},
        session::Session,
    },
    connection::unknown_subcommand,
};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("publish", 3, publish),
    Command::new("subscribe", -2, |call| subscribe(call, Scope::Channel)),
    Command::new("psubscribe", -2, |call| subscribe(call, Scope::Pattern)),
    Command::new("unsubscribe", -1, |call| unsubscribe(call, Scope::Channel)),
    Command::new("punsubscribe", -1, |call| unsubscribe(call, Scope::Pattern)),
    Command::new("pubsub", -2, pubsub),
];

/// What is subscribed to.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Channel,
    Pattern,
}

impl Scope {
    fn of(self, session: &mut Session) -> &mut std::collections::BTreeSet<Vec<u8>> {
        match self {
            Self::Channel => &mut session.channels,
            Self::Pattern => &mut session.patterns,
        }
    }
}

/// Answers what a connection must not ask while it is subscribed; with RESP3 it may ask anything.
pub(in super::super) fn refuse_while_subscribed(session: &Session, command: &Command) -> Option<Reply> {
    let is_allowed =
        matches!(command.name, "subscribe" | "psubscribe" | "unsubscribe" | "punsubscribe" | "ping" | "quit" | "reset");
    if is_allowed || session.protocol == Protocol::Resp3 || session.subscriptions() == 0 {
        return None;
    }
    let what = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    Some(Reply::Error(format!("ERR Can't execute '{}': {what}", command.name).into()))
}

fn publish(call: &mut Call<'_>) -> Result {
    let (channel, payload) = (call.next()?, call.next()?);
    let mut receivers = 0;
    for session in call.server.sessions.values_mut() {
        if session.channels.contains(channel) {
            session.push(&push("message", [channel, payload]));
            receivers += 1;
        }
        let patterns: Vec<Vec<u8>> =
            session.patterns.iter().filter(|pattern| glob::matches(pattern, channel)).cloned().collect();
        for pattern in patterns {
            session.push(&push("pmessage", [&pattern, channel, payload]));
            receivers += 1;
        }
    }
    Ok(Reply::Int(receivers))
}

fn push<'a>(kind: &'static str, words: impl IntoIterator<Item = &'a [u8]>) -> Reply {
    let mut items = vec![Reply::bulk(kind)];
    items.extend(words.into_iter().map(Reply::bulk));
    Reply::Push(items)
}

fn confirm(session: &mut Session, kind: &'static str, name: Option<&[u8]>) {
    let count = Reply::len(session.subscriptions());
    let name = name.map_or(Reply::Nil, Reply::bulk);
    session.push(&Reply::Push(vec![Reply::bulk(kind), name, count]));
}

fn subscribe(call: &mut Call<'_>, scope: Scope) -> Result {
    let names = call.take_rest();
    if !call.may_wait && call.protocol() == Protocol::Resp2 {
        return Err(Fault::new(format!(
            "ERR {} isn't allowed for a DENY BLOCKING client",
            call.name.to_ascii_uppercase()
        )));
    }
    let (session, kind) = (call.server.session(call.session), call.name);
    for name in names {
        scope.of(session).insert(name.clone());
        confirm(session, kind, Some(name));
    }
    Ok(Reply::Silent)
}

fn unsubscribe(call: &mut Call<'_>, scope: Scope) -> Result {
    let mut names = call.take_rest().to_vec();
    let (session, kind) = (call.server.session(call.session), call.name);
    if names.is_empty() {
        names = scope.of(session).iter().cloned().collect();
        if names.is_empty() {
            confirm(session, kind, None);
        }
    }
    for name in names {
        scope.of(session).remove(&name);
        confirm(session, kind, Some(&name));
    }
    Ok(Reply::Silent)
}

fn pubsub(call: &mut Call<'_>) -> Result {
    let word = call.next()?;
    let sessions = call.server.sessions.values();
    match (lower(word).as_str(), call.rest) {
        ("channels", [] | [_]) => {
            let pattern = call.rest.first();
            let channels: std::collections::BTreeSet<&Vec<u8>> =
                sessions.flat_map(|session| &session.channels).collect();
            let fitting = channels.into_iter().filter(|channel| pattern.is_none_or(|it| glob::matches(it, channel)));
            Ok(Reply::bulks(fitting.cloned()))
        }
        ("numsub", channels) => {
            let count =
                |channel| call.server.sessions.values().filter(|session| session.channels.contains(channel)).count();
            let counts =
                channels.iter().map(|channel: &Vec<u8>| [Reply::bulk(channel.as_slice()), Reply::len(count(channel))]);
            Ok(Reply::Array(counts.flatten().collect()))
        }
        ("numpat", []) => {
            let patterns: std::collections::BTreeSet<&Vec<u8>> =
                sessions.flat_map(|session| &session.patterns).collect();
            Ok(Reply::len(patterns.len()))
        }
        _ => Err(unknown_subcommand(call, word)),
    }
}
