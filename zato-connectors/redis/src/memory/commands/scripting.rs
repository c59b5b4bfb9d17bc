//! Scripts, which their stand-ins answer.

use super::{
    super::{
        command::{Call, Command, lower},
        number,
        reply::{Fault, Reply, Result},
        scripts::{self, ScriptStore},
    },
    connection::unknown_subcommand,
};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("eval", -3, eval),
    Command::new("evalsha", -3, evalsha),
    Command::new("eval_ro", -3, eval),
    Command::new("evalsha_ro", -3, evalsha),
    Command::new("script", -2, script),
];

fn eval(call: &mut Call<'_>) -> Result {
    let source = call.next()?;
    let count = key_count(call)?;
    let hash = call.server.scripts.load(source)?;
    answer(call, &hash, count)
}

fn evalsha(call: &mut Call<'_>) -> Result {
    let hash = lower(call.next()?);
    let count = key_count(call)?;
    answer(call, &hash, count)
}

fn key_count(call: &mut Call<'_>) -> Result<usize> {
    let count = call.int()?;
    if count < 0 {
        return Err(Fault::new("ERR Number of keys can't be negative"));
    }
    let count = number::len(count);
    if count > call.rest.len() {
        return Err(Fault::new("ERR Number of keys can't be greater than number of args"));
    }
    Ok(count)
}

fn answer(call: &mut Call<'_>, hash: &str, count: usize) -> Result {
    let Some(stand_in) = call.server.scripts.get(hash) else {
        return Err(Fault::new("NOSCRIPT No matching script. Please use EVAL."));
    };
    let (keys, arguments) = call.take_rest().split_at(count);
    let value = stand_in(keys, arguments, &mut ScriptStore::new(call)).map_err(scripts::ScriptError::into_fault)?;
    Ok(scripts::reply(value))
}

fn script(call: &mut Call<'_>) -> Result {
    let word = call.next()?;
    match (lower(word).as_str(), call.rest) {
        ("load", [source]) => Ok(Reply::bulk(call.server.scripts.load(source)?)),
        ("exists", hashes @ [_, ..]) => {
            let is_there = hashes.iter().map(|hash| Reply::flag(call.server.scripts.is_loaded(&lower(hash))));
            Ok(Reply::Array(is_there.collect()))
        }
        ("flush", [] | [_]) => {
            call.server.scripts.unload_all();
            Ok(Reply::Ok)
        }
        ("load" | "exists", _) => Err(Fault::arity(&format!("script|{}", lower(word)))),
        _ => Err(unknown_subcommand(call, word)),
    }
}
