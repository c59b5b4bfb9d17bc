//! What stands in for the scripts in the server in memory, which has no Lua.

use redis::{Value, cmd};

use super::{LEASE, READ_ON, RELEASE, RENEW, SET_LEASED};
use crate::memory::{ScriptError, ScriptStore};

type StandIn = fn(&[Vec<u8>], &[Vec<u8>], &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError>;

pub(crate) const SCRIPTS: [(&str, StandIn); 5] =
    [(READ_ON, read_on), (LEASE, lease), (RENEW, renew), (SET_LEASED, set_leased), (RELEASE, release)];

fn read_on(keys: &[Vec<u8>], arguments: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
    let value = store.call(cmd("GET").arg(keys))?;
    if value != Value::Nil && store.query::<i64>(cmd("PTTL").arg(keys))? >= 0 {
        store.call(cmd("PEXPIRE").arg(keys).arg(arguments))?;
    }
    Ok(value)
}

fn lease(keys: &[Vec<u8>], arguments: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
    let holder: Option<Vec<u8>> = store.query(cmd("GET").arg(keys))?;
    let (wanted, time) = (arguments.first(), arguments.get(1));
    if holder.is_some() && holder.as_ref() != wanted {
        return Ok(Value::Int(0));
    }
    store.call(cmd("SET").arg(keys).arg(wanted).arg("PX").arg(time))?;
    Ok(Value::Int(1))
}

fn is_held(
    lease: Option<&Vec<u8>>,
    arguments: &[Vec<u8>],
    store: &mut ScriptStore<'_, '_>,
) -> Result<bool, ScriptError> {
    let holder: Option<Vec<u8>> = store.query(cmd("GET").arg(lease))?;
    Ok(holder.is_some() && holder.as_ref() == arguments.first())
}

fn renew(keys: &[Vec<u8>], arguments: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
    if !is_held(keys.first(), arguments, store)? {
        return Ok(Value::Int(0));
    }
    store.call(cmd("PEXPIRE").arg(keys).arg(arguments.get(1)))
}

fn set_leased(keys: &[Vec<u8>], arguments: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
    let key = keys.first();
    if !is_held(keys.get(1), arguments, store)? {
        return Ok(Value::Int(0));
    }
    let (time, keeps) = (arguments.get(2).filter(|time| !time.is_empty()), arguments.get(3));
    let mut set = cmd("SET");
    set.arg(key).arg(arguments.get(1));
    if keeps.is_some_and(|keeps| keeps == b"KEEPTTL") && store.query::<bool>(cmd("EXISTS").arg(key))? {
        set.arg("KEEPTTL");
    } else if time.is_some() {
        set.arg("PX").arg(time);
    }
    store.call(&set)?;
    Ok(Value::Int(1))
}

fn release(keys: &[Vec<u8>], arguments: &[Vec<u8>], store: &mut ScriptStore<'_, '_>) -> Result<Value, ScriptError> {
    if is_held(keys.first(), arguments, store)? { store.call(cmd("DEL").arg(keys)) } else { Ok(Value::Int(0)) }
}
