//! What a command is, and the call of one.

use super::{
    keyspace::Database,
    number,
    reply::{Fault, Protocol, Reply, Result, Wait},
    server::{Id, Server},
    session::Session,
};

/// A command that this server knows.
#[derive(Debug)]
pub(super) struct Command {
    /// Its name, in lower case.
    pub(super) name: &'static str,
    /// How many words it has, its name included; at least so many if negative.
    arity: i32,
    /// Whether it changes something.
    pub(super) is_write: bool,
    /// Whether it may take memory, and is refused when there is none.
    pub(super) is_growing: bool,
    pub(super) run: fn(&mut Call<'_>) -> Result,
}

impl Command {
    pub(super) const fn new(name: &'static str, arity: i32, run: fn(&mut Call<'_>) -> Result) -> Self {
        Self { name, arity, is_write: false, is_growing: false, run }
    }

    /// A command that changes something.
    pub(super) const fn writes(name: &'static str, arity: i32, run: fn(&mut Call<'_>) -> Result) -> Self {
        Self { name, arity, is_write: true, is_growing: false, run }
    }

    /// A command that changes something, and takes memory for it.
    pub(super) const fn grows(name: &'static str, arity: i32, run: fn(&mut Call<'_>) -> Result) -> Self {
        Self { name, arity, is_write: true, is_growing: true, run }
    }

    pub(super) fn takes(&self, words: usize) -> bool {
        let words = i32::try_from(words).unwrap_or(i32::MAX);
        if self.arity < 0 { words >= -self.arity } else { words == self.arity }
    }
}

/// One call of a command: its arguments, and all that it may look at.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) server: &'a mut Server,
    /// Whose call it is.
    pub(super) session: Id,
    /// The database it is about.
    pub(super) database: usize,
    /// The command's name.
    pub(super) name: &'static str,
    /// All its words; the first is the name as it was written.
    pub(super) words: &'a [Vec<u8>],
    /// The arguments that were not looked at yet.
    pub(super) rest: &'a [Vec<u8>],
    /// Whether it may wait: not in a transaction or a script.
    pub(super) may_wait: bool,
}

impl<'a> Call<'a> {
    /// Returns the time, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.server.now
    }

    pub(super) fn db(&mut self) -> &mut Database {
        self.server.database(self.database)
    }

    pub(super) fn session(&mut self) -> &mut Session {
        self.server.session(self.session)
    }

    pub(super) fn protocol(&mut self) -> Protocol {
        self.session().protocol
    }

    /// Returns the next argument.
    pub(super) fn next(&mut self) -> Result<&'a [u8]> {
        let (first, rest) = self.rest.split_first().ok_or(Fault::SYNTAX)?;
        self.rest = rest;
        Ok(first)
    }

    /// Returns the next argument if there is one.
    pub(super) fn next_if_any(&mut self) -> Option<&'a [u8]> {
        self.next().ok()
    }

    /// Returns the next argument as an option's name, in lower case.
    pub(super) fn option(&mut self) -> Option<String> {
        self.next_if_any().map(lower)
    }

    /// Returns the next argument as an option's name without taking it.
    pub(super) fn peek(&self) -> Option<String> {
        self.rest.first().map(|word| lower(word))
    }

    /// Takes the next argument if it is this option.
    pub(super) fn take(&mut self, option: &str) -> bool {
        let is_it = self.rest.first().is_some_and(|word| word.eq_ignore_ascii_case(option.as_bytes()));
        if is_it {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_it
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self) -> &'a [Vec<u8>] {
        std::mem::take(&mut self.rest)
    }

    pub(super) fn int(&mut self) -> Result<i64> {
        number::parse_int(self.next()?)
    }

    pub(super) fn float(&mut self) -> Result<f64> {
        number::parse_float(self.next()?)
    }

    /// Takes nothing more: what is left is an error.
    pub(super) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::SYNTAX) }
    }

    /// Has the call wait for something, or gives this answer at once where nothing may wait.
    pub(super) fn wait(&self, again: Option<Vec<Vec<u8>>>, timeout: i64, otherwise: Reply) -> Result {
        if self.may_wait { Err(Fault::Wait(Wait { again, timeout, otherwise })) } else { Ok(otherwise) }
    }

    /// Returns the last argument as how long to wait: seconds, in milliseconds. All before it is left.
    pub(super) fn timeout_at_end(&mut self) -> Result<i64> {
        let (last, rest) = self.rest.split_last().ok_or(Fault::SYNTAX)?;
        self.rest = rest;
        timeout(last)
    }

    /// An error that has the command's name in it.
    pub(super) fn invalid_expire_time(&self) -> Fault {
        Fault::new(format!("ERR invalid expire time in '{}' command", self.name))
    }
}

/// Reads how long to wait: seconds, as milliseconds.
pub(super) fn timeout(seconds: &[u8]) -> Result<i64> {
    let seconds = number::parse_float(seconds).map_err(|_| Fault::new("ERR timeout is not a float or out of range"))?;
    if seconds < 0.0 {
        return Err(Fault::new("ERR timeout is negative"));
    }
    let millis = (seconds * 1000.0).ceil();
    if millis > 9.0e18 {
        return Err(Fault::new("ERR timeout is out of range"));
    }
    Ok(number::truncated(millis))
}

pub(super) fn lower(word: &[u8]) -> String {
    String::from_utf8_lossy(word).to_ascii_lowercase()
}
