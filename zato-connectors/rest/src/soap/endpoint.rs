//! The SOAP channels of one path.

use std::sync::{Arc, OnceLock};

use zato_core::{
    Error,
    config::{ConfigFault, ConfigFaults},
    format::xml::Element,
};

use super::{Operation, wsdl::Wsdl};
use crate::{entry::Entry, table::Route};

/// The SOAP channels of one path, those that are active, in the order of the file; never none.
pub(crate) struct Endpoint {
    routes: Vec<Arc<Route>>,
    /// What describes them, once somebody has asked.
    pub(super) wsdl: OnceLock<Wsdl>,
}

impl Endpoint {
    /// Makes one thing of the channels of a path; `None` if none is active.
    pub(crate) fn of(entries: &[Entry], faults: &mut ConfigFaults) -> Option<Self> {
        let active: Vec<(&Entry, &Arc<Route>)> =
            entries.iter().filter_map(|entry| Some((entry, entry.route.as_ref()?))).collect();
        for (position, (entry, route)) in active.iter().enumerate() {
            for (other, of_other) in active.iter().take(position) {
                if let Some(message) = clash((entry, route), (other, of_other)) {
                    faults.push(ConfigFault::at(&entry.origin, message));
                }
            }
        }
        let routes: Vec<_> = active.into_iter().map(|(_, route)| Arc::clone(route)).collect();
        (!routes.is_empty()).then(|| Self { routes, wsdl: OnceLock::new() })
    }

    /// Returns the channel that stands for all of them until it is known which one is asked.
    pub(crate) fn first(&self) -> &Arc<Route> {
        self.routes.first().expect("an endpoint is made of at least one channel")
    }

    /// Returns the channels with what each answers.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&Arc<Route>, &Operation)> {
        self.routes.iter().filter_map(|route| Some((route, route.operation.as_deref()?)))
    }

    /// Finds the channel that an action asks for, if it is the only one.
    pub(super) fn by_action(&self, action: Option<&str>) -> Option<&Arc<Route>> {
        if let [only] = self.routes.as_slice() {
            return Some(only);
        }
        let action = action?;
        let mut found = self.operations().filter(|(_, operation)| operation.action.as_deref() == Some(action));
        let (route, _) = found.next()?;
        found.next().is_none().then_some(route)
    }

    /// Whether the channels let different callers in, so that only an action tells in time whom.
    pub(super) fn is_mixed(&self) -> bool {
        let mut securities = self.operations().map(|(_, operation)| operation.security.as_deref());
        let first = securities.next();
        securities.any(|other| Some(other) != first)
    }

    /// Finds the channel that the body of a request asks for.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput), which lists the operations that there are.
    pub(super) fn by_element(&self, asked: Element<'_>, action: Option<&str>) -> Result<&Arc<Route>, Error> {
        let of_action = |operation: &Operation| action.is_some() && operation.action.as_deref() == action;
        let is_asked = |operation: &Operation| {
            let namespace = operation.namespace.as_deref();
            operation.name == asked.name() && (namespace.is_none() || asked.namespace() == namespace)
        };
        let found = self.operations().filter(|(_, operation)| is_asked(operation));
        // Of several operations of one name, the action tells which, and then whoever names the namespace.
        let rank = |operation: &Operation| (of_action(operation), operation.namespace.is_some());
        let best = found.reduce(|best, next| if rank(next.1) > rank(best.1) { next } else { best });
        best.map(|(route, _)| route).ok_or_else(|| self.unknown())
    }

    /// Says which operations there are.
    pub(super) fn unknown(&self) -> Error {
        let known = self.operations().map(|(_, operation)| match (&operation.namespace, &operation.action) {
            (Some(namespace), _) => format!("{{{namespace}}}{}", operation.name),
            (None, Some(action)) => format!("{} with the action \"{action}\"", operation.name),
            (None, None) => operation.name.clone(),
        });
        let known: Vec<_> = known.collect();
        Error::invalid_input(format!("no such operation here; there is {}", known.join(", ")))
    }
}

/// Says why two channels of one path can't be told apart, or not in time.
fn clash((entry, route): (&Entry, &Arc<Route>), (other, of_other): (&Entry, &Arc<Route>)) -> Option<String> {
    let (here, there) = (route.operation.as_deref()?, of_other.operation.as_deref()?);
    let with = format!(
        "the SOAP channels \"{}\" and \"{}\" (at {}) both answer {}",
        entry.info.name,
        other.info.name,
        other.origin,
        entry.info.route.as_deref().unwrap_or_default()
    );
    let has_actions = here.action.is_some() && there.action.is_some();
    if has_actions && here.action == there.action && here.name == there.name {
        return Some(format!("{with} for the same soap_action and operation; change one of them"));
    }
    if here.name == there.name && here.namespace == there.namespace && !has_actions {
        return Some(format!(
            "{with} for the operation \"{}\"; give each an \"operation\" or a \"soap_action\" of its own",
            here.name
        ));
    }
    // Who calls is found out before a body is read, and only the action is known by then.
    if here.security != there.security && (!has_actions || here.action == there.action) {
        return Some(format!(
            "{with} for callers of different security definitions; give each a \"soap_action\" of its own, which tells \
             before the body whom to let in"
        ));
    }
    None
}
