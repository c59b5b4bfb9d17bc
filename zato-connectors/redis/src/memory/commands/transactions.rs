//! Transactions: commands that are carried out together, unless a key that was watched has changed.

use super::super::{
    command::{Call, Command},
    reply::{Fault, Reply, Result},
    server::lookup,
    session::{Queue, Session},
};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("multi", 1, multi),
    Command::new("exec", 1, exec),
    Command::new("discard", 1, discard),
    Command::new("watch", -2, watch),
    Command::new("unwatch", 1, unwatch),
];

/// Puts a command into the queue of a transaction that was begun.
pub(in super::super) fn is_queued(session: &mut Session, command: &Command, words: &[Vec<u8>]) -> bool {
    let is_about_transactions = matches!(command.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset");
    match &mut session.queue {
        Some(queue) if !is_about_transactions => {
            queue.commands.push(words.to_vec());
            true
        }
        _ => false,
    }
}

/// Notes that a command of a transaction was refused, so that none of them is carried out.
pub(in super::super) fn note_failure(session: &mut Session, words: &[Vec<u8>]) {
    let name = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    // Redis takes these two back without giving up the transaction.
    if matches!(name.as_slice(), b"multi" | b"watch") {
        return;
    }
    if let Some(queue) = &mut session.queue {
        queue.is_refused = true;
    }
}

fn multi(call: &mut Call<'_>) -> Result {
    let queue = &mut call.session().queue;
    if queue.is_some() {
        return Err(Fault::new("ERR MULTI calls can not be nested"));
    }
    *queue = Some(Queue::default());
    Ok(Reply::Ok)
}

fn exec(call: &mut Call<'_>) -> Result {
    let Some(queue) = call.session().queue.take() else { return Err(Fault::new("ERR EXEC without MULTI")) };
    let is_watch_broken = call.session().is_watch_broken;
    call.session().unwatch();
    if queue.is_refused {
        return Err(Fault::new("EXECABORT Transaction discarded because of previous errors."));
    }
    if is_watch_broken {
        return Ok(Reply::NilArray);
    }
    let mut replies = Vec::new();
    for words in queue.commands {
        let answered = lookup(&words).and_then(|command| call.server.run(call.session, command, &words, false));
        match answered {
            Ok(reply) => replies.push(reply),
            Err(Fault::Error(text)) => replies.push(Reply::Error(text)),
            Err(Fault::Wait(wait)) => replies.push(wait.otherwise),
        }
    }
    Ok(Reply::Array(replies))
}

fn discard(call: &mut Call<'_>) -> Result {
    if call.session().queue.take().is_none() {
        return Err(Fault::new("ERR DISCARD without MULTI"));
    }
    call.session().unwatch();
    Ok(Reply::Ok)
}

fn watch(call: &mut Call<'_>) -> Result {
    if call.session().queue.is_some() {
        return Err(Fault::new("ERR WATCH inside MULTI is not allowed"));
    }
    let database = call.database;
    for key in call.take_rest() {
        call.session().watched.insert((database, key.clone()));
    }
    Ok(Reply::Ok)
}

fn unwatch(call: &mut Call<'_>) -> Result {
    call.session().unwatch();
    Ok(Reply::Ok)
}
