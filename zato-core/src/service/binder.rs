use std::{
    any::{Any, TypeId, type_name},
    collections::{BTreeSet, HashMap},
    fmt,
};

use serde::de::DeserializeOwned;

use super::{Invocation, Service};
use crate::{
    config::{Typed, UserConfig, UserFiles},
    connection::{Connections, Handle},
    error::{Error, Result},
};

/// Gives a service what it needs, out of one generation of the configuration.
pub struct Binder<'a> {
    pub(crate) connections: &'a Connections,
    pub(crate) user: &'a UserFiles,
    pub(crate) state: &'a State,
    pub(crate) services: &'a BTreeSet<TypeId>,
}

impl Binder<'_> {
    /// Returns the handle of an outgoing connection.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config), listing what there is, if there is none of that name.
    pub fn out<H: Handle>(&self, name: &str) -> Result<H> {
        self.connections.get(name)
    }

    /// Returns a file of user configuration.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if the file doesn't fit the type, or is missing and the type can't do without.
    pub fn config<T: FromUserConfig>(&self, name: &str) -> Result<T> {
        T::from_user_config(self.user, name)
    }

    /// Returns a value that the program handed in.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if it handed in none of that type.
    pub fn state<T: Clone + Send + Sync + 'static>(&self) -> Result<T> {
        self.state.get().cloned().ok_or_else(|| {
            let name = type_name::<T>();
            Error::config(format!("no state of type {name}; hand it in with `.state(value)` before the app starts"))
        })
    }

    /// Returns a way to invoke another service.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if that service is not part of the app.
    pub fn invoke<I: Invocation>(&self) -> Result<I> {
        if self.services.contains(&TypeId::of::<I::Service>()) {
            return Ok(I::live());
        }
        let definition = I::Service::definition();
        Err(Error::config(format!(
            "the service \"{}\" is not part of the app; add it to `services![...]`",
            definition.name()
        )))
    }
}

impl fmt::Debug for Binder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binder").field("connections", self.connections).finish_non_exhaustive()
    }
}

/// What a service can ask for as `#[config("name")]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no user configuration",
    label = "neither `UserConfig` nor `Typed<T>`",
    note = "take `zato::UserConfig` to look values up by path, or `zato::Typed<T>` for a struct that implements `Deserialize`"
)]
pub trait FromUserConfig: Clone + Send + Sync + 'static {
    /// Reads the file of a name.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) if the file doesn't fit.
    fn from_user_config(files: &UserFiles, name: &str) -> Result<Self>;
}

/// Always there: without the file every look-up finds nothing, and with the file's arrival finds it.
#[diagnostic::do_not_recommend]
impl FromUserConfig for UserConfig {
    fn from_user_config(files: &UserFiles, name: &str) -> Result<Self> {
        Ok(files.get(name))
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + Sync + 'static> FromUserConfig for Typed<T> {
    fn from_user_config(files: &UserFiles, name: &str) -> Result<Self> {
        Self::from_config(&files.get(name)).map_err(|fault| Error::config(fault.to_string()))
    }
}

/// Values that the program hands in, one of each type.
#[derive(Default)]
pub struct State(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl State {
    /// Adds a value; one of the same type that is there already is replaced.
    pub fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }

    /// Returns the value of a type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} values)", self.0.len())
    }
}
