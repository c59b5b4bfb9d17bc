//! Who uses whom: channels call services, services need connections and one another.

use serde_json::{Value, json};

use super::super::{definitions::User, engine::Shared, generation::Generation, sections::ChannelEntry};
use crate::{
    connection::ConnectionStatus,
    inspect,
    service::{Definition, Need, NeedKind},
};

/// Draws the graph of the configuration that is in force.
///
/// It has what services declare; a service that is invoked by its name, or through a context, is not declared.
pub(super) fn of(shared: &Shared) -> Value {
    let current = shared.current.load();
    let definitions: Vec<&Definition> = shared.app.registrations.iter().map(|one| &one.definition).collect();
    let services: Vec<Value> = definitions.iter().map(|one| service(one, &definitions, &current.channels)).collect();
    let connections: Vec<Value> =
        current.connections.statuses().map(|status| connection(&status, &definitions)).collect();
    let held: Vec<ConnectionStatus> = shared.app.channels.iter().flat_map(|channel| channel.statuses()).collect();
    let channels: Vec<Value> = current.channels.iter().map(|entry| channel(entry, &held)).collect();
    json!({
        "generation": current.number,
        "services": services,
        "channels": channels,
        "connections": connections,
        "definitions": shared_definitions(&current),
    })
}

fn channel(entry: &ChannelEntry, held: &[ConnectionStatus]) -> Value {
    let ChannelEntry { section, name, service, security, is_active, .. } = entry;
    let mut written =
        json!({"section": section, "name": name, "service": service, "security": security, "is_active": is_active});
    let links = held.iter().filter(|status| status.section == *section && status.name == *name);
    let links: Vec<Value> = links.map(inspect::connection).collect();
    if let (false, Some(members)) = (links.is_empty(), written.as_object_mut()) {
        members.insert("links".to_owned(), links.into());
    }
    written
}

/// Writes what connections and channels share, with who stands over it.
fn shared_definitions(current: &Generation) -> Value {
    let of_channel = |entry: &ChannelEntry| {
        let user = (entry.section, entry.name.clone());
        entry.over.clone().map(|base| User { base, user })
    };
    let channels: Vec<User> = current.channels.iter().filter_map(of_channel).collect();
    let written = current.definitions.iter().map(|(section, name, any)| {
        let users = current.over.iter().chain(&channels);
        let users = users.filter(|one| one.base.0 == section && one.base.1 == name);
        let users = users.map(|one| json!({"section": one.user.0, "name": one.user.1}));
        let links = any.map(|any| any.statuses(name)).unwrap_or_default();
        json!({
            "section": section,
            "name": name,
            "is_active": any.is_some(),
            "links": links.iter().map(inspect::connection).collect::<Vec<_>>(),
            "used_by": users.collect::<Vec<_>>(),
        })
    });
    written.collect()
}

fn service(definition: &Definition, all: &[&Definition], channels: &[ChannelEntry]) -> Value {
    let channels = channels.iter().filter(|entry| entry.service == definition.name());
    let docs = definition.documentation();
    json!({
        "name": definition.name(),
        "docs": docs.split("\n\n").next().unwrap_or_default().trim(),
        "input": format!("{:?}", definition.input()),
        "output": format!("{:?}", definition.output()),
        "written_at": definition.written_at().map(|(file, line)| format!("{file}:{line}")),
        "channels": channels.map(|entry| json!({"section": entry.section, "name": entry.name})).collect::<Vec<_>>(),
        "needs": definition.needs().iter().map(|one| need(one, all)).collect::<Vec<_>>(),
    })
}

fn need(need: &Need, all: &[&Definition]) -> Value {
    match need.kind() {
        NeedKind::Out { section } => json!({"kind": "connection", "section": section, "name": need.name()}),
        NeedKind::Config => json!({"kind": "user_config", "name": need.name()}),
        NeedKind::State => json!({"kind": "state", "name": need.name()}),
        NeedKind::Invoke => {
            let needed = all.iter().find(|definition| definition.type_name() == need.name());
            json!({"kind": "service", "name": needed.map_or(need.name(), |definition| definition.name())})
        }
    }
}

fn connection(status: &ConnectionStatus, all: &[&Definition]) -> Value {
    let uses = |need: &Need| need.kind() == NeedKind::Out { section: status.section } && need.name() == status.name;
    let users = all.iter().filter(|definition| definition.needs().iter().any(uses));
    let mut written = inspect::connection(status);
    if let Some(members) = written.as_object_mut() {
        members.insert("used_by".to_owned(), users.map(|definition| definition.name()).collect());
    }
    written
}
