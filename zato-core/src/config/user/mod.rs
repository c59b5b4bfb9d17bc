//! The configuration of a program's own services: YAML, TOML or INI, in folders of files.
//!
//! A service receives a file as `#[config("tutorial")] tutorial: UserConfig` and looks values up by path, or as
//! `#[config("tutorial")] limits: Typed<Limits>` and has them checked before it is called for the first time.

mod files;
mod format;
mod sources;
mod typed;
mod view;

pub use self::files::UserFiles;
pub(in crate::config) use self::format::UserFormat;
pub(crate) use self::sources::{Unusable, UserReading, UserSources};
pub use self::typed::Typed;
pub use self::view::UserConfig;
