//! What is answered, and how it is written in either version of the protocol.

use std::borrow::Cow;

use super::number;

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    Ok,
    /// Nothing at all: what there is to say has been pushed.
    Silent,
    Simple(Cow<'static, str>),
    Error(Cow<'static, str>),
    Int(i64),
    Bulk(Vec<u8>),
    Double(f64),
    /// No value.
    Nil,
    /// No array: another thing than no value in RESP2.
    NilArray,
    Array(Vec<Self>),
    Set(Vec<Self>),
    /// Keys and values: one flat array in RESP2.
    Map(Vec<(Self, Self)>),
    /// Pairs: one flat array in RESP2, an array of arrays in RESP3.
    Pairs(Vec<(Self, Self)>),
    /// Streams and their entries: an array of arrays in RESP2, a map in RESP3.
    Streams(Vec<(Self, Self)>),
    /// What nobody asked for: an array in RESP2.
    Push(Vec<Self>),
}

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// Why a command has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The error that it is answered with: the code, and the rest.
    Error(Cow<'static, str>),
    /// It waits for something to happen.
    Wait(Wait),
}

/// What a command waits for.
#[derive(Debug)]
pub(super) struct Wait {
    /// The command as it is to be tried again, or as it was.
    pub(super) again: Option<Vec<Vec<u8>>>,
    /// How long, in milliseconds; 0 is for ever.
    pub(super) timeout: i64,
    /// The answer when nothing happens.
    pub(super) otherwise: Reply,
}

pub(super) type Result<T = Reply, E = Fault> = std::result::Result<T, E>;

impl Fault {
    pub(super) const SYNTAX: Self = Self::Error(Cow::Borrowed("ERR syntax error"));
    pub(super) const NOT_AN_INTEGER: Self = Self::Error(Cow::Borrowed("ERR value is not an integer or out of range"));
    pub(super) const NOT_A_FLOAT: Self = Self::Error(Cow::Borrowed("ERR value is not a valid float"));
    pub(super) const OVERFLOW: Self = Self::Error(Cow::Borrowed("ERR increment or decrement would overflow"));
    pub(super) const NO_SUCH_KEY: Self = Self::Error(Cow::Borrowed("ERR no such key"));
    pub(super) const INDEX: Self = Self::Error(Cow::Borrowed("ERR index out of range"));
    pub(super) const WRONG_TYPE: Self =
        Self::Error(Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value"));

    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(text.into())
    }

    pub(super) fn arity(command: &str) -> Self {
        Self::new(format!("ERR wrong number of arguments for '{command}' command"))
    }
}

impl Reply {
    pub(super) fn bulk(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bulk(bytes.into())
    }

    pub(super) fn bulk_or_nil(bytes: Option<Vec<u8>>) -> Self {
        bytes.map_or(Self::Nil, Self::Bulk)
    }

    pub(super) fn len(len: usize) -> Self {
        Self::Int(number::int(len))
    }

    pub(super) fn flag(flag: bool) -> Self {
        Self::Int(flag.into())
    }

    pub(super) fn bulks(all: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::Array(all.into_iter().map(Self::Bulk).collect())
    }

    /// Writes the answer as the wire has it.
    pub(super) fn write(&self, protocol: Protocol, out: &mut Vec<u8>) {
        let is_resp3 = protocol == Protocol::Resp3;
        match self {
            Self::Ok => out.extend_from_slice(b"+OK\r\n"),
            Self::Silent => {}
            Self::Simple(text) => line(out, '+', text),
            Self::Error(text) => line(out, '-', text),
            Self::Int(int) => line(out, ':', int),
            Self::Bulk(bytes) => bulk(out, bytes),
            Self::Double(double) if is_resp3 => line(out, ',', number::general(*double)),
            Self::Double(double) => bulk(out, number::general(*double).as_bytes()),
            Self::Nil | Self::NilArray if is_resp3 => out.extend_from_slice(b"_\r\n"),
            Self::Nil => out.extend_from_slice(b"$-1\r\n"),
            Self::NilArray => out.extend_from_slice(b"*-1\r\n"),
            Self::Array(items) => array(out, '*', items, protocol),
            Self::Set(items) => array(out, if is_resp3 { '~' } else { '*' }, items, protocol),
            Self::Push(items) => array(out, if is_resp3 { '>' } else { '*' }, items, protocol),
            Self::Map(pairs) | Self::Streams(pairs) if is_resp3 => {
                line(out, '%', pairs.len());
                flat(out, pairs, protocol);
            }
            Self::Map(pairs) => {
                line(out, '*', pairs.len() * 2);
                flat(out, pairs, protocol);
            }
            Self::Pairs(pairs) if !is_resp3 => {
                line(out, '*', pairs.len() * 2);
                flat(out, pairs, protocol);
            }
            Self::Pairs(pairs) | Self::Streams(pairs) => {
                line(out, '*', pairs.len());
                for (first, second) in pairs {
                    line(out, '*', 2);
                    first.write(protocol, out);
                    second.write(protocol, out);
                }
            }
        }
    }
}

fn line(out: &mut Vec<u8>, mark: char, content: impl std::fmt::Display) {
    out.extend_from_slice(format!("{mark}{content}\r\n").as_bytes());
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    line(out, '$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn array(out: &mut Vec<u8>, mark: char, items: &[Reply], protocol: Protocol) {
    line(out, mark, items.len());
    for item in items {
        item.write(protocol, out);
    }
}

fn flat(out: &mut Vec<u8>, pairs: &[(Reply, Reply)], protocol: Protocol) {
    for (first, second) in pairs {
        first.write(protocol, out);
        second.write(protocol, out);
    }
}
