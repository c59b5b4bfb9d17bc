//! Commands that wait, or that change the connection that they are sent on.

use std::time::Duration;

use redis::{Arg, Cmd};

/// What a command does to the connection that it is sent on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wait {
    /// Nothing: the answer comes as soon as the server can.
    No,
    /// The connection is another one afterwards: it watches keys, is in a transaction, or has another database.
    Changes(&'static str),
    /// The connection is of no use afterwards, since answers are no longer one for each command.
    Breaks(&'static str),
    /// The answer may come so much later.
    For(&'static str, Duration),
    /// The answer may never come.
    Forever(&'static str),
}

/// Tells what a command does to the connection that it is sent on.
pub(crate) fn waits(command: &Cmd) -> Wait {
    let mut args = command.args_iter();
    let Some(Arg::Simple(name)) = args.next() else { return Wait::No };
    // Nearly all commands are told apart by their first letter.
    match name.first().map(u8::to_ascii_uppercase) {
        Some(b'A' | b'B' | b'C' | b'H' | b'M' | b'P' | b'Q' | b'R' | b'S' | b'U' | b'W' | b'X') => {}
        _ => return Wait::No,
    }
    if name.eq_ignore_ascii_case(b"CLIENT") {
        return of_client(args.next().as_ref());
    }
    if let Some(known) = BREAKING.iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
        return Wait::Breaks(known);
    }
    if let Some(known) = CHANGING.iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
        return Wait::Changes(known);
    }
    if let Some((known, place)) = WAITING.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())) {
        return of_place(known, *place, args);
    }
    Wait::No
}

/// Commands after which the connection is another one.
const CHANGING: [&str; 16] = [
    "ASKING",
    "AUTH",
    "HELLO",
    "MULTI",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "UNSUBSCRIBE",
    "WATCH",
];

/// Commands after which answers can't be told apart any more.
const BREAKING: [&str; 4] = ["MONITOR", "PSYNC", "REPLCONF", "SYNC"];

/// What `CLIENT` changes, by its second word.
const CLIENT_CHANGING: [(&str, &str); 6] = [
    ("CACHING", "CLIENT CACHING"),
    ("NO-EVICT", "CLIENT NO-EVICT"),
    ("NO-TOUCH", "CLIENT NO-TOUCH"),
    ("SETINFO", "CLIENT SETINFO"),
    ("SETNAME", "CLIENT SETNAME"),
    ("TRACKING", "CLIENT TRACKING"),
];

fn of_client(word: Option<&Arg<&[u8]>>) -> Wait {
    let Some(Arg::Simple(word)) = word else { return Wait::No };
    if word.eq_ignore_ascii_case(b"REPLY") {
        return Wait::Breaks("CLIENT REPLY");
    }
    let known = CLIENT_CHANGING.iter().find(|(known, _)| word.eq_ignore_ascii_case(known.as_bytes()));
    known.map_or(Wait::No, |(_, name)| Wait::Changes(name))
}

/// Where a command says how long it waits, and in which unit.
#[derive(Clone, Copy)]
enum Place {
    FirstSeconds,
    LastSeconds,
    LastMillis,
    BlockMillis,
}

const WAITING: [(&str, Place); 12] = [
    ("BLMOVE", Place::LastSeconds),
    ("BLMPOP", Place::FirstSeconds),
    ("BLPOP", Place::LastSeconds),
    ("BRPOP", Place::LastSeconds),
    ("BRPOPLPUSH", Place::LastSeconds),
    ("BZMPOP", Place::FirstSeconds),
    ("BZPOPMAX", Place::LastSeconds),
    ("BZPOPMIN", Place::LastSeconds),
    ("WAIT", Place::LastMillis),
    ("WAITAOF", Place::LastMillis),
    ("XREAD", Place::BlockMillis),
    ("XREADGROUP", Place::BlockMillis),
];

fn of_place<'a>(name: &'static str, place: Place, args: impl Iterator<Item = Arg<&'a [u8]>>) -> Wait {
    let mut texts = args.map(|arg| match arg {
        Arg::Simple(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        _ => "",
    });
    let (text, unit) = match place {
        Place::FirstSeconds => (texts.next(), 1.0),
        Place::LastSeconds => (texts.last(), 1.0),
        Place::LastMillis => (texts.last(), 0.001),
        Place::BlockMillis => {
            // A group and a consumer may have any name.
            if name == "XREADGROUP" && texts.next().is_some_and(|word| word.eq_ignore_ascii_case("GROUP")) {
                texts.by_ref().take(2).for_each(drop);
            }
            let is_there = texts.by_ref().take_while(|text| !text.eq_ignore_ascii_case("STREAMS"));
            match { is_there }.find(|text| text.eq_ignore_ascii_case("BLOCK")) {
                Some(_) => (texts.next(), 0.001),
                None => return Wait::No,
            }
        }
    };
    match text.and_then(|text| text.parse::<f64>().ok()).map(|number| number * unit) {
        Some(0.0) => Wait::Forever(name),
        Some(seconds) => Duration::try_from_secs_f64(seconds).map_or(Wait::No, |wait| Wait::For(name, wait)),
        // The server says what is wrong with it.
        None => Wait::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Wait {
        let mut command = Cmd::new();
        line.split(' ').for_each(|word| {
            command.arg(word);
        });
        waits(&command)
    }

    #[test]
    fn commands_that_wait_say_for_how_long() {
        for (line, wait) in [
            ("GET watch", Wait::No),
            ("SET a b", Wait::No),
            ("XADD s * f v", Wait::No),
            ("XREAD COUNT 2 STREAMS block 0", Wait::No),
            ("BLPOP a nonsense", Wait::No),
            ("watch a", Wait::Changes("WATCH")),
            ("SELECT 1", Wait::Changes("SELECT")),
            ("CLIENT LIST", Wait::No),
            ("client", Wait::No),
            ("client tracking ON", Wait::Changes("CLIENT TRACKING")),
            ("CLIENT SETNAME a", Wait::Changes("CLIENT SETNAME")),
            ("client reply SKIP", Wait::Breaks("CLIENT REPLY")),
            ("sync", Wait::Breaks("SYNC")),
            ("READONLY", Wait::Changes("READONLY")),
            ("asking", Wait::Changes("ASKING")),
            ("COMMAND COUNT", Wait::No),
            ("XREADGROUP GROUP streams c BLOCK 0 STREAMS a >", Wait::Forever("XREADGROUP")),
            ("XREADGROUP GROUP block 5 STREAMS a >", Wait::No),
            ("XREADGROUP GROUP g block BLOCK 1000 STREAMS a >", Wait::For("XREADGROUP", Duration::from_secs(1))),
            ("BLPOP a b 2.5", Wait::For("BLPOP", Duration::from_millis(2500))),
            ("BRPOP a 0", Wait::Forever("BRPOP")),
            ("BLMPOP 3 1 a LEFT", Wait::For("BLMPOP", Duration::from_secs(3))),
            ("xread COUNT 2 block 1500 STREAMS a $", Wait::For("XREAD", Duration::from_millis(1500))),
            ("XREADGROUP GROUP g c BLOCK 0 STREAMS a >", Wait::Forever("XREADGROUP")),
            ("WAIT 1 100", Wait::For("WAIT", Duration::from_millis(100))),
        ] {
            assert_eq!(of(line), wait, "{line}");
        }
        assert_eq!(waits(&Cmd::new()), Wait::No);
    }
}
