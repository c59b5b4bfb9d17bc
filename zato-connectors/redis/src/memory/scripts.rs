//! Scripts, and what stands in for them.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use redis::{Cmd, FromRedisValue, Script, Value, from_redis_value};

use super::{
    command::Call,
    reply::{Fault, Protocol, Reply},
};

/// What stands in for a script.
pub(super) type StandIn =
    Arc<dyn Fn(&[Vec<u8>], &[Vec<u8>], &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> + Send + Sync>;

/// The scripts of this crate, each with what stands in for it.
const OWN: &[&[(&str, OwnStandIn)]] = &[
    &crate::lock::stand_in::SCRIPTS,
    &crate::channel::commands::stand_in::SCRIPTS,
    #[cfg(feature = "cache")]
    &crate::cache::stand_in::SCRIPTS,
];

/// What stands in for a script of this crate.
type OwnStandIn = fn(&[Vec<u8>], &[Vec<u8>], &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError>;

/// All that is known of scripts.
pub(super) struct Scripts {
    /// By the hash of the script's text.
    stand_ins: HashMap<String, StandIn>,
    /// The hashes of those that were loaded.
    loaded: Vec<String>,
}

impl Default for Scripts {
    fn default() -> Self {
        let mut scripts = Self { stand_ins: HashMap::new(), loaded: Vec::new() };
        for (source, stand_in) in OWN.iter().copied().flatten() {
            scripts.register(source, Arc::new(stand_in));
        }
        scripts
    }
}

impl Scripts {
    pub(super) fn register(&mut self, source: &str, stand_in: StandIn) {
        self.stand_ins.insert(hash(source.as_bytes()), stand_in);
    }

    /// Loads a script, which has to have a stand-in.
    pub(super) fn load(&mut self, source: &[u8]) -> Result<String, Fault> {
        let hash = hash(source);
        if !self.stand_ins.contains_key(&hash) {
            let remedy = "give it an answer with `Memory::script(source, |keys, arguments, store| ...)`";
            return Err(Fault::new(format!(
                "ERR the redis in memory has no Lua and does not know this script: {remedy}"
            )));
        }
        if !self.is_loaded(&hash) {
            self.loaded.push(hash.clone());
        }
        Ok(hash)
    }

    pub(super) fn is_loaded(&self, hash: &str) -> bool {
        self.loaded.iter().any(|loaded| loaded == hash)
    }

    /// Returns what stands in for a script that was loaded.
    pub(super) fn get(&self, hash: &str) -> Option<StandIn> {
        if self.is_loaded(hash) { self.stand_ins.get(hash).cloned() } else { None }
    }

    pub(super) fn unload_all(&mut self) {
        self.loaded.clear();
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripts").field("known", &self.stand_ins.len()).field("loaded", &self.loaded).finish()
    }
}

/// Returns the hash by which a script is known.
fn hash(source: &[u8]) -> String {
    Script::new(&String::from_utf8_lossy(source)).get_hash().to_owned()
}

/// What a stand-in for a script calls commands on.
///
/// See [`Memory::script`](super::Memory::script) for an example.
#[derive(Debug)]
pub struct ScriptStore<'call, 'server> {
    call: &'call mut Call<'server>,
}

impl<'call, 'server> ScriptStore<'call, 'server> {
    pub(super) fn new(call: &'call mut Call<'server>) -> Self {
        Self { call }
    }

    /// Calls a command, as `redis.call` does, and returns what it answers, in the shapes of RESP2.
    ///
    /// # Errors
    ///
    /// What the command is answered with if that is an error.
    pub fn call(&mut self, command: &Cmd) -> Result<Value, ScriptError> {
        let words: Vec<Vec<u8>> = command
            .args_iter()
            .map(|word| match word {
                redis::Arg::Simple(word) => word.to_vec(),
                _ => b"0".to_vec(),
            })
            .collect();
        match self.call.server.call(self.call.session, &words) {
            Ok(reply) => value(&reply),
            Err(Fault::Error(error)) => Err(ScriptError(error)),
            Err(Fault::Wait(wait)) => value(&wait.otherwise),
        }
    }

    /// Calls a command and returns what it answers as a type of Rust.
    ///
    /// # Errors
    ///
    /// What the command is answered with if that is an error, or if the answer isn't of this type.
    pub fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, ScriptError> {
        from_redis_value(self.call(command)?).map_err(|error| ScriptError::new(format!("ERR {error}")))
    }
}

/// What a script fails with: the text of an error as the wire has it, its code first, such as `ERR no such lock`.
///
/// ```
/// use zato_redis::memory::ScriptError;
///
/// assert_eq!(ScriptError::new("ERR no such lock").to_string(), "ERR no such lock");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(Cow<'static, str>);

impl ScriptError {
    /// Creates an error. Its code comes first, then a space.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }

    pub(super) fn into_fault(self) -> Fault {
        Fault::new(self.0.replace(['\r', '\n'], " "))
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScriptError {}

fn value(reply: &Reply) -> Result<Value, ScriptError> {
    let mut bytes = Vec::new();
    reply.write(Protocol::Resp2, &mut bytes);
    redis::parse_redis_value(&bytes).map_err(|error| ScriptError::new(format!("ERR {error}")))
}

/// Returns an answer of redis-rs as one of ours, the way that Lua's values are answered with.
pub(super) fn reply(value: Value) -> Reply {
    match value {
        Value::Int(int) => Reply::Int(int),
        Value::BulkString(bytes) => Reply::Bulk(bytes),
        Value::SimpleString(text) => Reply::Simple(text.into()),
        Value::Okay => Reply::Ok,
        Value::Array(items) | Value::Set(items) => Reply::Array(items.into_iter().map(reply).collect()),
        Value::Map(pairs) => Reply::Map(pairs.into_iter().map(|(key, value)| (reply(key), reply(value))).collect()),
        Value::Double(double) => Reply::Double(double),
        Value::Boolean(true) => Reply::Int(1),
        Value::ServerError(error) => Reply::Error(format!("{} {}", error.code(), error.details().unwrap_or("")).into()),
        Value::VerbatimString { text, .. } => Reply::Bulk(text.into_bytes()),
        // `false` is nil in Lua's answers, and the rest no script can answer with.
        _ => Reply::Nil,
    }
}
