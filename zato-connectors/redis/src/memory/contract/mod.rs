//! What every Redis answers, whether it is a real one or the one in memory: each conversation runs against both.
//!
//! A conversation is a file of what is said and what is answered, line by line, by the number of the connection:
//! `1> get KEY` asks, `1< nil` is the answer, `1! blpop KEY 0` asks for something that is answered later, `1~ keys *` for
//! something whose order is nobody's business, and `wait 60` lets milliseconds pass. `KEY` and `KEY7` are keys that nobody
//! else has, and `…` in an answer is anything.
//!
//! Redis 7.0 is right: where the two differ, it is the one in memory that is mended.

mod alike;
mod any_input;
mod wire;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::{self, Write as _},
    sync::Once,
    time::Duration,
};

use ::redis::{ConnectionAddr, IntoConnectionInfo as _};
use tokio::{net::TcpStream, time};

use self::wire::Wire;
use super::Memory;

/// Where a Redis is that may be used; set by `cargo xtask test`.
const URL: &str = "ZATO_TEST_REDIS_URL";

/// How long it takes until a command that waits has certainly begun to.
const SETTLED: Duration = Duration::from_millis(50);

/// Runs every conversation against both servers.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod in_memory {
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    super::converse(&super::Peer::memory(), include_str!(concat!(stringify!($name), ".txt"))).await;
                }
            )+
        }

        mod redis {
            $(
                #[tokio::test]
                async fn $name() {
                    if let Some(peer) = super::Peer::real() {
                        super::converse(&peer, include_str!(concat!(stringify!($name), ".txt"))).await;
                    }
                }
            )+
        }
    };
}

contract! {
    strings, expiring_strings, numbers, ranges_of_strings, keys, scanning, hashes, lists, moves_between_lists, sets,
    sorted_sets, ranges_of_sorted_sets, blocking_lists, transactions, watched_keys,
    changes_of_nothing, subscriptions, pushes, scripts,
    connections, streams, trimmed_streams, reading_streams, groups, reading_for_groups, pending, claims,
}

/// A server to try.
enum Peer {
    Memory(Memory),
    Real(String),
}

impl Peer {
    fn memory() -> Self {
        Self::Memory(Memory::new())
    }

    fn real() -> Option<Self> {
        static LEFT_OUT: Once = Once::new();
        let Ok(url) = std::env::var(URL) else {
            // Past the test harness, which keeps what a test that passes prints to itself.
            LEFT_OUT.call_once(|| {
                let words = format!("{URL} is not set; `cargo xtask test` starts a server and sets it");
                let _ =
                    writeln!(io::stderr(), "LEFT OUT: all that Redis and the one in memory have to do alike: {words}");
            });
            return None;
        };
        let info = url.into_connection_info().expect("a URL such as redis://host:port");
        let ConnectionAddr::Tcp(host, port) = info.addr() else { panic!("{URL} has to be redis://host:port") };
        Some(Self::Real(format!("{host}:{port}")))
    }

    async fn connect(&self) -> Wire {
        match self {
            Self::Memory(memory) => Wire::new(memory.stream()),
            Self::Real(address) => Wire::new(TcpStream::connect(address).await.expect("connected")),
        }
    }
}

/// Says all that is said in a conversation, and compares what is answered.
async fn converse(peer: &Peer, conversation: &str) {
    use std::hash::{BuildHasher as _, RandomState};
    let prefix = format!("t{:016x}:", RandomState::new().hash_one(0));
    let mut connections: BTreeMap<char, Wire> = BTreeMap::new();
    let mut is_ordered = true;
    for (index, line) in conversation.lines().enumerate() {
        if let Some(millis) = line.strip_prefix("wait ") {
            time::sleep(Duration::from_millis(millis.parse().expect("milliseconds"))).await;
            continue;
        }
        let (mark, rest) = line.split_at_checked(2).unwrap_or_else(|| panic!("line {}: {line}", index + 1));
        let mut mark = mark.chars();
        let (number, direction) = (mark.next().expect("a connection"), mark.next().expect("a direction"));
        let wire = match connections.entry(number) {
            Entry::Occupied(wire) => wire.into_mut(),
            Entry::Vacant(place) => place.insert(peer.connect().await),
        };
        if direction == '<' {
            let answer = wire.answer().await.replace(&prefix, "");
            assert!(
                is_alike(rest.trim_start(), &answer, is_ordered),
                "line {}: `{rest}` is expected, and `{answer}` is answered to {:?}",
                index + 1,
                conversation.lines().take(index).last()
            );
            continue;
        }
        is_ordered = direction != '~';
        wire.ask(&words(rest, &prefix)).await;
        if direction == '!' {
            time::sleep(SETTLED).await;
        }
    }
}

/// Compares answers; one that has no order is compared piece by piece.
fn is_alike(expected: &str, answer: &str, is_ordered: bool) -> bool {
    if !is_ordered {
        return pieces(expected) == pieces(answer);
    }
    let mut rest = answer;
    let mut parts = expected.split('…').peekable();
    let first = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

fn pieces(answer: &str) -> Vec<&str> {
    let mut pieces: Vec<&str> = answer.split(['[', ']', '{', '}', ',', ' ']).collect();
    pieces.sort_unstable();
    pieces
}

/// Splits a line into words, which may stand in quotes, with `\x00`, `\r` and `\n` in them.
fn words(line: &str, prefix: &str) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut chars = line.trim().chars().peekable();
    while let Some(first) = chars.next() {
        let mut word = String::new();
        if first == '"' {
            word.extend(chars.by_ref().take_while(|char| *char != '"'));
        } else if first != ' ' {
            word.push(first);
            while let Some(char) = chars.next_if(|char| *char != ' ') {
                word.push(char);
            }
        } else {
            continue;
        }
        words.push(bytes(&word.replace("KEY", &format!("{prefix}KEY"))));
    }
    words
}

fn bytes(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some(char) = rest.chars().next() {
        let escaped = rest.strip_prefix("\\x").and_then(|rest| u8::from_str_radix(rest.get(..2)?, 16).ok());
        let (byte, length) = match (escaped, rest.get(..2)) {
            (Some(byte), _) => (vec![byte], 4),
            (None, Some("\\r")) => (vec![b'\r'], 2),
            (None, Some("\\n")) => (vec![b'\n'], 2),
            _ => (char.to_string().into_bytes(), char.len_utf8()),
        };
        bytes.extend(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    bytes
}
