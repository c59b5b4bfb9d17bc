//! Nodes to plain serde structs, each error with the place of the value that it is about.
//!
//! How a value is read depends on what its reader asks for, which is why scalars are not resolved before:
//!
//! | asked for | accepted |
//! |---|---|
//! | a string | any scalar, as it was written |
//! | a number | an unquoted scalar: `8080`, `0x1f`, `1.5` |
//! | a boolean | an unquoted `true`, `yes`, `on`, `false`, `no` or `off`, in any case |
//! | an `Option` | `None` for nothing, `~`, `null` and an empty variable of the environment |
//! | an enum | the name of a variant, or a map with that name as its only key |
//! | anything | what [`Node::to_json`] would give |
//!
//! The last row is where `#[serde(flatten)]` and `#[serde(tag = "...")]` stand: serde asks for anything, keeps what it
//! got, and only then finds that a field is a `String` and what it got is the number 123. It cannot be asked twice, so
//! [`from_node`] starts again and gives the text of that scalar. Such a field thus takes `0123` or `true` too.

mod access;
mod error;
mod key;
mod misread;
mod several;
mod tagged;
mod value;

pub use self::error::DeError;
pub use self::misread::from_node;
pub use self::several::several;
pub use self::tagged::from_tagged_node;
#[cfg(doc)]
use crate::config::Node;

#[cfg(test)]
mod tests;
