//! One connection, as the server has it.

use std::{collections::BTreeSet, mem, task::Waker};

use super::{
    reply::{Protocol, Reply},
    request,
};

/// How much may wait to be read by a subscriber, in bytes; then its connection is closed, as Redis does
/// (`client-output-buffer-limit pubsub 32mb`).
const OUTPUT_LIMIT: usize = 32 << 20;

/// How much may wait to be carried out, in bytes, before no more is taken.
const INPUT_LIMIT: usize = 16 << 20;

/// One connection, as the server has it.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) database: usize,
    pub(super) name: String,
    pub(super) blocked: Option<Blocked>,
    /// The commands of a transaction that was begun.
    pub(super) queue: Option<Queue>,
    /// The keys that are watched, each with its database.
    pub(super) watched: BTreeSet<(usize, Vec<u8>)>,
    /// Whether one of them was changed.
    pub(super) is_watch_broken: bool,
    pub(super) channels: BTreeSet<Vec<u8>>,
    pub(super) patterns: BTreeSet<Vec<u8>>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Whether it ends once all is read.
    is_ending: bool,
    /// Who reads, if nothing was there.
    reader: Option<Waker>,
    /// Who writes, if there was too much.
    writer: Option<Waker>,
}

/// A command that waits.
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) words: Vec<Vec<u8>>,
    /// Until when, in milliseconds since 1970.
    pub(super) until: Option<i64>,
    pub(super) otherwise: Reply,
}

/// The commands of a transaction.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) commands: Vec<Vec<Vec<u8>>>,
    /// Whether one of them was refused.
    pub(super) is_refused: bool,
}

impl Session {
    /// Takes the next command that has come in whole, unless one is being carried out.
    pub(super) fn next_request(&mut self) -> Option<Vec<Vec<u8>>> {
        if self.blocked.is_some() || self.is_ending {
            return None;
        }
        match request::parse(&self.input) {
            Ok(Some((words, length))) => {
                self.input.drain(..length);
                if let Some(writer) = self.writer.take() {
                    writer.wake();
                }
                Some(words)
            }
            Ok(None) => None,
            Err(error) => {
                self.answer(&Reply::Error(error));
                self.close();
                None
            }
        }
    }

    /// Answers.
    pub(super) fn answer(&mut self, reply: &Reply) {
        if !self.is_ending {
            reply.write(self.protocol, &mut self.output);
        }
    }

    /// Says what nobody has asked for.
    pub(super) fn push(&mut self, reply: &Reply) {
        self.answer(reply);
        if self.output.len() > OUTPUT_LIMIT {
            self.output.clear();
            self.close();
        }
        self.wake();
    }

    pub(super) fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Ends the connection. What was answered can still be read.
    pub(super) fn close(&mut self) {
        self.is_ending = true;
        self.blocked = None;
        self.input = Vec::new();
        self.wake();
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// Ends the connection, and what was answered is lost with it.
    pub(super) fn cut(&mut self) {
        self.output = Vec::new();
        self.close();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Takes bytes in; returns `false` if there are too many already.
    pub(super) fn take_in(&mut self, bytes: &[u8], waker: &Waker) -> bool {
        if self.input.len() >= INPUT_LIMIT {
            self.writer = Some(waker.clone());
            return false;
        }
        self.input.extend_from_slice(bytes);
        true
    }

    /// Gives out as many bytes as are wanted; `None` if there are none, and whoever asks is woken when there are.
    pub(super) fn give_out(&mut self, most: usize, waker: &Waker) -> Option<Vec<u8>> {
        if self.output.is_empty() && !self.is_ending {
            self.reader = Some(waker.clone());
            return None;
        }
        let rest = self.output.split_off(most.min(self.output.len()));
        Some(mem::replace(&mut self.output, rest))
    }

    /// Notes that a key was changed, in case that it is watched.
    pub(super) fn note_change(&mut self, database: usize, key: &[u8]) {
        if !self.watched.is_empty() && self.watched.contains(&(database, key.to_vec())) {
            self.is_watch_broken = true;
        }
    }

    pub(super) fn unwatch(&mut self) {
        self.watched.clear();
        self.is_watch_broken = false;
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }
}
