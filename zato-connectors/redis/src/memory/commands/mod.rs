//! The commands, by what they are about.

mod connection;
mod hashes;
mod keys;
mod lists;
pub(super) mod pubsub;
mod scan;
mod scripting;
mod sets;
pub(super) mod sorted_sets;
pub(super) mod streams;
mod strings;
pub(super) mod transactions;

use super::command::Command;

/// All commands, room by room.
const ROOMS: &[&[Command]] = &[
    connection::COMMANDS,
    strings::COMMANDS,
    keys::COMMANDS,
    hashes::COMMANDS,
    lists::COMMANDS,
    sets::COMMANDS,
    sorted_sets::COMMANDS,
    streams::COMMANDS,
    transactions::COMMANDS,
    pubsub::COMMANDS,
    scripting::COMMANDS,
];

/// Returns the names of all commands.
#[cfg(test)]
pub(super) fn names() -> Vec<&'static str> {
    ROOMS.iter().flat_map(|room| room.iter()).map(|command| command.name).collect()
}

/// Returns the command of a name, in lower case.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    ROOMS.iter().flat_map(|room| room.iter()).find(|command| command.name == name)
}
