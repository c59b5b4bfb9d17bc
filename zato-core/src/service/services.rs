use std::{any::TypeId, fmt, sync::Weak};

use super::{Binder, BoundService, Definition, Dispatch, Service, bind};
use crate::{ambient::Ambient, error::Result};

/// A list of services; `services![a, b]` writes one.
#[derive(Clone, Debug, Default)]
pub struct Services(Vec<Registration>);

impl Services {
    /// Makes an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service.
    #[must_use]
    pub fn add<S: Service>(mut self) -> Self {
        self.0.push(Registration { definition: S::definition(), bind: bind::<S> });
        self
    }

    /// Adds the services of another list, such as another module's.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Returns the definitions, in the order that they were added.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter().map(|registration| &registration.definition)
    }

    pub(crate) fn into_registrations(self) -> Vec<Registration> {
        self.0
    }
}

/// A service that is part of an app, before it is bound.
#[derive(Clone)]
pub(crate) struct Registration {
    pub(crate) definition: Definition,
    bind: fn(&Binder<'_>, Ambient, Weak<dyn Dispatch>) -> Result<BoundService>,
}

impl Registration {
    pub(crate) fn type_id(&self) -> TypeId {
        self.definition.type_id()
    }

    pub(crate) fn bind(
        &self,
        binder: &Binder<'_>,
        ambient: Ambient,
        dispatch: Weak<dyn Dispatch>,
    ) -> Result<BoundService> {
        (self.bind)(binder, ambient, dispatch)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.definition, f)
    }
}
