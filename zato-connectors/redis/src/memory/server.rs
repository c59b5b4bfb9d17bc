//! The server: all that connections share, under one lock.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{
    command::{Call, Command, lower},
    commands,
    faults::Faults,
    keyspace::Database,
    reply::{Fault, Reply, Result},
    scripts::Scripts,
    session::{Blocked, Session},
};

/// The number of a connection.
pub(super) type Id = u64;

/// How many databases there are, as in Redis's own configuration.
pub(super) const DATABASES: usize = 16;

/// All that connections share.
#[derive(Debug)]
pub(super) struct Server {
    databases: Vec<Database>,
    pub(super) sessions: BTreeMap<Id, Session>,
    /// Those that wait for something, the longest first.
    blocked: VecDeque<Id>,
    pub(super) faults: Faults,
    pub(super) scripts: Scripts,
    /// How often each command was carried out.
    pub(super) calls: HashMap<&'static str, u64>,
    /// The time of what is done now, in milliseconds since 1970. It stands still during a command.
    pub(super) now: i64,
    /// When the server was started, by both clocks.
    started: (Instant, Duration),
    last_id: Id,
    /// A place for those whose own is gone.
    nobody: Session,
    nowhere: Database,
}

impl Default for Server {
    fn default() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut server = Self {
            databases: std::iter::repeat_with(Database::default).take(DATABASES).collect(),
            sessions: BTreeMap::new(),
            blocked: VecDeque::new(),
            faults: Faults::default(),
            scripts: Scripts::default(),
            calls: HashMap::new(),
            now: 0,
            started: (Instant::now(), since_epoch),
            last_id: 0,
            nobody: Session::default(),
            nowhere: Database::default(),
        };
        server.tick();
        server
    }
}

impl Server {
    /// Looks at the clock, and lets go what has come to its end.
    pub(super) fn tick(&mut self) {
        let (instant, since_epoch) = self.started;
        let since_epoch = since_epoch + instant.elapsed();
        self.now = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        let now = self.now;
        for database in &mut self.databases {
            database.purge(now);
        }
        self.note_changes();
    }

    /// Returns a moment as an instant of the clock that timers have.
    pub(super) fn instant(&self, at: i64) -> Option<Instant> {
        let after_now = Duration::from_millis(u64::try_from(at.saturating_sub(self.now)).unwrap_or(0));
        Instant::now().checked_add(after_now)
    }

    pub(super) fn database(&mut self, index: usize) -> &mut Database {
        self.databases.get_mut(index).unwrap_or(&mut self.nowhere)
    }

    pub(super) fn databases(&mut self) -> &mut [Database] {
        &mut self.databases
    }

    pub(super) fn session(&mut self, id: Id) -> &mut Session {
        self.sessions.get_mut(&id).unwrap_or(&mut self.nobody)
    }

    /// Lets somebody in.
    pub(super) fn enter(&mut self) -> Id {
        self.last_id += 1;
        self.sessions.insert(self.last_id, Session::default());
        self.last_id
    }

    /// Lets somebody go.
    pub(super) fn leave(&mut self, id: Id) {
        self.sessions.remove(&id);
        self.blocked.retain(|blocked| *blocked != id);
    }

    /// Carries out what a connection has asked for, as far as it can.
    pub(super) fn serve(&mut self, id: Id) {
        self.tick();
        self.give_up_waiting(id);
        while self.faults.paused_until.is_none_or(|until| until <= Instant::now())
            && let Some(words) = self.session(id).next_request()
        {
            if let Some(reply) = self.execute(id, &words) {
                self.session(id).answer(&reply);
            }
            self.serve_blocked();
        }
    }

    /// Answers one that has waited for long enough.
    fn give_up_waiting(&mut self, id: Id) {
        let now = self.now;
        let session = self.session(id);
        if session.blocked.as_ref().is_some_and(|blocked| blocked.until.is_some_and(|until| until <= now))
            && let Some(blocked) = session.blocked.take()
        {
            session.answer(&blocked.otherwise);
            self.blocked.retain(|blocked| *blocked != id);
        }
    }

    /// Ends the wait of a connection with this answer.
    pub(super) fn unblock(&mut self, id: Id, reply: Option<Reply>) -> bool {
        let Some(blocked) = self.session(id).blocked.take() else { return false };
        let reply = reply.unwrap_or(blocked.otherwise);
        self.session(id).answer(&reply);
        self.session(id).wake();
        self.blocked.retain(|blocked| *blocked != id);
        true
    }

    /// Carries out a command, or puts it into the queue of a transaction. Nothing is answered yet if it waits.
    fn execute(&mut self, id: Id, words: &[Vec<u8>]) -> Option<Reply> {
        let answered = self.admit(words).and_then(|command| {
            if let Some(reply) = commands::pubsub::refuse_while_subscribed(self.session(id), command) {
                return Ok(reply);
            }
            if commands::transactions::is_queued(self.session(id), command, words) {
                return Ok(Reply::Simple("QUEUED".into()));
            }
            self.run(id, command, words, true)
        });
        match answered {
            Ok(reply) => Some(reply),
            Err(Fault::Error(text)) => {
                commands::transactions::note_failure(self.session(id), words);
                Some(Reply::Error(text))
            }
            Err(Fault::Wait(wait)) => {
                let until = (wait.timeout > 0).then(|| self.now.saturating_add(wait.timeout));
                let words = wait.again.unwrap_or_else(|| words.to_vec());
                self.session(id).blocked = Some(Blocked { words, until, otherwise: wait.otherwise });
                self.blocked.push_back(id);
                None
            }
        }
    }

    /// Returns the command if it may be carried out now.
    fn admit(&mut self, words: &[Vec<u8>]) -> Result<&'static Command> {
        let command = lookup(words)?;
        if let Some(error) = self.faults.take_failure(command.name) {
            return Err(Fault::new(error));
        }
        if command.is_growing && self.faults.is_out_of_memory {
            return Err(Fault::new("OOM command not allowed when used memory > 'maxmemory'."));
        }
        if command.is_write && self.faults.is_readonly {
            return Err(Fault::new("READONLY You can't write against a read only replica."));
        }
        *self.calls.entry(command.name).or_default() += 1;
        Ok(command)
    }

    /// Carries out a command that was let in.
    pub(super) fn run(&mut self, id: Id, command: &'static Command, words: &[Vec<u8>], may_wait: bool) -> Result {
        let database = self.session(id).database;
        let rest = words.get(1..).unwrap_or_default();
        let mut call = Call { server: self, session: id, database, name: command.name, words, rest, may_wait };
        let answered = (command.run)(&mut call);
        self.note_changes();
        let is_answered = !matches!(answered, Err(Fault::Wait(_)));
        if is_answered && self.faults.take_disconnection(command.name) {
            self.session(id).cut();
        }
        answered
    }

    /// Carries out a command that a script calls.
    pub(super) fn call(&mut self, id: Id, words: &[Vec<u8>]) -> Result {
        let command = self.admit(words)?;
        self.run(id, command, words, false)
    }

    /// Tells those who watch a key that it was changed.
    fn note_changes(&mut self) {
        for (index, database) in self.databases.iter_mut().enumerate() {
            for key in database.take_changed() {
                for session in self.sessions.values_mut() {
                    session.note_change(index, &key);
                }
            }
        }
    }

    /// Tries again what waits, in turn, until nobody finds anything.
    fn serve_blocked(&mut self) {
        let mut is_settled = false;
        while !is_settled {
            is_settled = true;
            for id in self.blocked.clone() {
                if let Some(reply) = self.retry(id) {
                    self.unblock(id, Some(reply));
                    is_settled = false;
                }
            }
        }
    }

    fn retry(&mut self, id: Id) -> Option<Reply> {
        let words = self.session(id).blocked.as_ref()?.words.clone();
        let command = lookup(&words).ok()?;
        match self.run(id, command, &words, true) {
            Ok(reply) => Some(reply),
            Err(Fault::Error(text)) => {
                commands::streams::error_while_waiting(self, id, &words, &text).map(Reply::Error)
            }
            Err(Fault::Wait(_)) => None,
        }
    }

    /// Returns when something has to be looked at again for a connection without anybody asking.
    pub(super) fn due(&mut self, id: Id) -> Option<Instant> {
        let until = self.session(id).blocked.as_ref().and_then(|blocked| blocked.until);
        let given_up = until.and_then(|until| self.instant(until));
        let resumed = self.faults.paused_until.filter(|until| *until > Instant::now());
        // Nobody gives up while all stands still.
        resumed.or(given_up)
    }

    /// Ends all connections. What was answered but not read yet is lost.
    pub(super) fn cut_all(&mut self) {
        self.blocked.clear();
        self.sessions.values_mut().for_each(Session::cut);
    }

    pub(super) fn close(&mut self, id: Id) {
        self.session(id).close();
        self.blocked.retain(|blocked| *blocked != id);
    }

    /// Has all connections looked at again.
    pub(super) fn wake_all(&mut self) {
        self.sessions.values_mut().for_each(Session::wake);
    }
}

/// Returns the command that is meant.
pub(super) fn lookup(words: &[Vec<u8>]) -> Result<&'static Command> {
    let (name, arguments) = words.split_first().ok_or(Fault::SYNTAX)?;
    let Some(command) = commands::find(&lower(name)) else { return Err(unknown(name, arguments)) };
    if command.takes(words.len()) { Ok(command) } else { Err(Fault::arity(command.name)) }
}

fn unknown(name: &[u8], arguments: &[Vec<u8>]) -> Fault {
    let name = String::from_utf8_lossy(name);
    tracing::warn!(command = %name, "the redis in memory does not know this command; a real server may");
    let mut listed = String::new();
    for argument in arguments {
        // As many as Redis shows.
        if listed.len() >= 128 {
            break;
        }
        let argument: String = String::from_utf8_lossy(argument).chars().take(128 - listed.len()).collect();
        listed.push_str(&format!("'{argument}' "));
    }
    Fault::new(format!("ERR unknown command '{name}', with args beginning with: {listed}"))
}
