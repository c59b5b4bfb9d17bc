//! The phases of an application: parse, resolve, validate, plan, build. Up to here nothing has changed for anybody;
//! [`Engine`](super::engine::Engine) then swaps and retires.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    builder::{App, Source},
    definitions::{self, User},
    entries::{self, Entry},
    generation::Generation,
    logging,
    plan::{self, Change, ChangeKind},
    sections::{Activation, AnyChannel, ChannelEntry, NewConnection, Preparation, Surroundings},
    slow::SlowThresholds,
    user::{self, Found},
};
use crate::{
    config::{
        ConfigFault, ConfigFaults, Document, Files, LogConfig, Node, ServerConfig, UserFiles, from_node,
        from_tagged_node,
    },
    connection::{Connections, Definitions, Supervised},
    inspect::Inspect,
    layer::statistics::Recorder,
    router::{Parts, Router},
    security::{self, Securities, SecurityConfig},
    service::Binder,
};

/// A configuration that was parsed and resolved: every file read, every variable filled in.
pub(super) struct Resolved {
    pub(super) document: Document,
    pub(super) user: Found,
    /// Those that are named by it, read by whoever builds something of them.
    pub(super) files: Arc<Files>,
}

/// A generation that is ready to be switched to.
pub(super) struct Built {
    pub(super) generation: Generation,
    pub(super) activations: Vec<Activation>,
}

/// Reads the files of a configuration, and tells which they are also if that fails. `before` is the user configuration
/// that is in force.
pub(super) fn resolve(
    app: &App,
    source: &Source,
    before: Option<&UserFiles>,
    watched: &mut Vec<PathBuf>,
) -> Result<Resolved, ConfigFaults> {
    let (sections, environment) = (app.sections(), &*app.environment);
    let document = match source {
        Source::File(path) => Document::load_watched(path, &sections, environment, watched)?,
        Source::Text(text) => match base_of(app) {
            Some(folder) => Document::parse_in(folder, "configuration", text, &sections, environment)?,
            None => Document::parse("configuration", text, &sections, environment)?,
        },
        Source::Nowhere => Document::parse("configuration", "", &sections, environment)?,
    };
    let files = Arc::new(Files::of_documents(base_of(app).unwrap_or(Path::new("")), document.files()));
    let base = base_of(app).map(Path::to_owned);
    let user = user::read(app, (&document, &files), base, before, watched)?;
    Ok(Resolved { document, user, files })
}

/// Returns the folder that relative names start from: that of the app's file, also for a text that took its place.
fn base_of(app: &App) -> Option<&Path> {
    match &app.source {
        Source::File(path) => path.parent(),
        Source::Text(_) | Source::Nowhere => None,
    }
}

/// Validates a configuration and builds everything for it.
pub(super) async fn build(
    app: &App,
    (recorders, inspect): (&BTreeMap<String, Arc<Recorder>>, &Arc<dyn Inspect>),
    resolved: Resolved,
    before: Option<(&Generation, &[Change])>,
) -> Result<Built, ConfigFaults> {
    let Resolved { document, user: Found { files: user, .. }, files } = resolved;
    let mut faults = ConfigFaults::new();
    let server = server_of(&document, &mut faults);
    let securities = securities_of(&document, &mut faults);
    check_admin(&document, &server, &securities, &mut faults);
    let services: Vec<&str> = app.registrations.iter().map(|one| one.definition.name()).collect();
    let slow = SlowThresholds::read(&document, &server, &services, &mut faults);
    let read = (&document, &securities, &*files);
    let (definitions, over, connections) = what_leads_out(app, read, before, &mut faults);
    faults.into_result(())?;
    let limiters = Arc::new(before.map(|(old, _)| old.limiters.next()).unwrap_or_default());
    let rate_limiters = before.map(|(old, _)| old.rate_limiters.next()).unwrap_or_default();
    let router = {
        let types = app.service_types();
        let binder = Binder { connections: &connections, user: &user, state: &app.state, services: &types };
        let (registrations, layers) = (&app.registrations, &app.layers);
        let (ambient, server, limiters, slow) = (&app.ambient, &server, &limiters, &|service: &str| slow.of(service));
        let (binder, background) = (&binder, &app.background);
        let parts = Parts { registrations, binder, ambient, layers, recorders, server, limiters, slow, background };
        Router::build(&parts)?
    };
    let (activations, channels) = prepare(
        app,
        Preparation {
            document: &document,
            server: &server,
            inlets: &router,
            services: &services,
            securities: &securities,
            definitions: &definitions,
            files: &files,
            ambient: &app.ambient,
            rate_limiters: &rate_limiters,
            inspect,
        },
    )
    .await?;
    let number = before.map_or(1, |(old, _)| old.number + 1);
    let generation = Generation {
        number,
        document,
        user,
        files,
        server,
        definitions,
        over,
        connections,
        limiters,
        rate_limiters,
        router,
        channels,
    };
    Ok(Built { generation, activations })
}

/// Prepares definitions and the connections over them, fakes included, and tells which stand over which.
fn what_leads_out(
    app: &App,
    (document, securities, files): (&Document, &Securities, &Files),
    before: Option<(&Generation, &[Change])>,
    faults: &mut ConfigFaults,
) -> (Definitions, Vec<User>, Connections) {
    let fakes = Definitions::of_app(&app.fake_definitions, app.fakes_only);
    let with = Surroundings {
        document,
        securities,
        files,
        ambient: &app.ambient,
        fakes: &app.fakes,
        fakes_only: app.fakes_only,
    };
    let mut definitions = definitions::all(&app.definitions, with, &fakes, before, faults);
    for (section, name, fake) in app.fakes.iter() {
        definitions.insert_fake_connection(section, name, fake.connection());
    }
    let (mut connections, over) = connections_of(app, with, &mut definitions, before, faults);
    connections.extend(&app.fakes);
    (definitions, over, connections)
}

/// Prepares every connection, and tells which stand over something. Those of one connector are there for the next.
fn connections_of(
    app: &App,
    with: Surroundings<'_>,
    definitions: &mut Definitions,
    before: Option<(&Generation, &[Change])>,
    faults: &mut ConfigFaults,
) -> (Connections, Vec<User>) {
    let (mut connections, mut over) = (Connections::default(), Vec::new());
    for connector in &app.connectors {
        let section = connector.section().name;
        let prepared = connector.prepare(with, definitions, faults);
        for new in prepared {
            let user = (section, new.name.to_owned());
            over.extend(new.over.clone().map(|base| User { base, user: user.clone() }));
            let kept = before.and_then(|(old, changes)| kept(old, section, &new, definitions, changes));
            let connection = kept.unwrap_or_else(|| Arc::new(new.connection));
            definitions.insert_connection(section, new.name, new.is_active.then(|| connection.connection()));
            connections.insert(user.0, user.1, connection);
        }
        definitions::insert_refused(definitions, section, with.document);
    }
    (connections, over)
}

fn server_of(document: &Document, faults: &mut ConfigFaults) -> ServerConfig {
    let Some(section) = document.section(ServerConfig::SECTION.name) else { return ServerConfig::default() };
    let server: ServerConfig = faults.keep(from_node(&section.value)).unwrap_or_default();
    if let Err(fault) = logging::check(&server.log) {
        let place = section.value.at_path("log.level").unwrap_or(&section.value);
        faults.push(ConfigFault::at(&place.origin, fault));
    }
    for (path, fault) in server.out_of_range() {
        let place = section.value.at_path(path).unwrap_or(&section.value);
        faults.push(ConfigFault::at(&place.origin, fault));
    }
    server
}

fn securities_of(document: &Document, faults: &mut ConfigFaults) -> Securities {
    let read = |node: &Node| from_tagged_node(&without_counterpart(node), "type");
    let entries: Vec<Entry<'_, SecurityConfig>> = entries::read_with(document, security::SECTION.name, faults, read);
    for entry in &entries {
        let place = |key: &str| &entry.node.get(key).unwrap_or(entry.node).origin;
        let faulty = entry.config.contradictions().into_iter();
        faults.extend(faulty.map(|(key, words)| {
            ConfigFault::at(place(key), format!("\"{key}\" of the security definition \"{}\" {words}", entry.name))
        }));
    }
    Securities::new(entries.into_iter().map(|entry| entry.config))
}

/// Leaves out the keys of Zato that a definition may have and that mean nothing here.
fn without_counterpart(node: &Node) -> Cow<'_, Node> {
    let name = node.get("type").and_then(Node::as_str).unwrap_or_default();
    match SecurityConfig::without_counterpart(name) {
        [] => Cow::Borrowed(node),
        left_out => Cow::Owned(entries::without(node, security::SECTION.name, left_out)),
    }
}

/// Returns the connection that was there before, if nothing about it has changed: neither its entry, nor the security
/// definition that it names, nor what it stands over.
fn kept(
    old: &Generation,
    section: &'static str,
    new: &NewConnection<'_>,
    definitions: &Definitions,
    changes: &[Change],
) -> Option<Arc<Supervised>> {
    if new.over.as_ref().is_some_and(|(section, name)| !definitions.is_same(&old.definitions, section, name)) {
        return None;
    }
    let is_changed = changes.iter().any(|change| {
        (change.section == section && change.name == new.name)
            || (change.section == security::SECTION.name && Some(&change.name) == new.security.as_ref())
    });
    if is_changed { None } else { old.connections.supervised(section, new.name).cloned() }
}

/// Checks what the admin listener is configured with against the rest.
fn check_admin(document: &Document, server: &ServerConfig, securities: &Securities, faults: &mut ConfigFaults) {
    let (Some(section), Some(admin)) = (document.section(ServerConfig::SECTION.name), &server.admin) else { return };
    let place = |key: &str| &section.value.at_path(key).unwrap_or(&section.value).origin;
    if admin.is_active && admin.bind == server.bind && !admin.bind.ends_with(":0") {
        let message = format!(
            "the admin listener and the channels can't both listen on \"{}\": what operators may see is not for callers; \
             choose another port",
            admin.bind
        );
        faults.push(ConfigFault::at(place("admin.bind"), message));
    }
    let Some(name) = &admin.security else { return };
    let verifier = faults.keep(securities.verifier(name, place("admin.security")));
    if verifier.is_some_and(|verifier| verifier.definition().needs_certificate()) {
        let message = format!(
            "the admin listener speaks no TLS, so that nobody can present the certificate that \"{name}\" wants; name a \
             definition of another type"
        );
        faults.push(ConfigFault::at(place("admin.security"), message));
    }
}

async fn prepare(app: &App, with: Preparation<'_>) -> Result<(Vec<Activation>, Vec<ChannelEntry>), ConfigFaults> {
    let (mut faults, mut activations, mut entries) = (ConfigFaults::new(), Vec::new(), Vec::new());
    for channel in &app.channels {
        match AnyChannel::prepare(Arc::clone(channel), with).await {
            Ok(prepared) => {
                activations.push(prepared.activation);
                entries.extend(prepared.entries);
            }
            Err(found) => faults.extend(found),
        }
    }
    faults.into_result((activations, entries))
}

/// Refuses a file that has become empty: it is about to be written, or was lost, and either way nobody means to close
/// every channel by it.
pub(super) fn check_not_emptied(source: &Source, old: &Generation, new: &Resolved) -> Result<(), ConfigFaults> {
    match source {
        Source::File(path) if new.document.sections().is_empty() && !old.document.sections().is_empty() => {
            let message = format!("\"{}\" has become empty; to close every channel, stop the program", path.display());
            Err(ConfigFault::new(message).into())
        }
        _ => Ok(()),
    }
}

/// Tells what an application changes: in the configuration itself, and in the files that it names.
pub(super) fn changes(old: &Generation, new: &Resolved) -> Vec<Change> {
    let mut changes = plan::between((&old.document, &old.user), (&new.document, &new.user.files));
    changes.extend(plan::of_files(&old.document, &old.files.changed()));
    changes
}

/// Puts changes into one line for the log.
pub(super) fn summary(changes: &[Change]) -> String {
    let of = |kind| {
        let names = changes.iter().filter(|change| change.kind == kind);
        let entry = |change: &Change| match change.name.as_str() {
            "" => change.section.clone(),
            name => format!("{}/{name}", change.section),
        };
        let written = names.map(|change| match &change.file {
            Some(file) => format!("{} ({file})", entry(change)),
            None => entry(change),
        });
        written.collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    for (kind, word) in
        [(ChangeKind::Added, "added"), (ChangeKind::Changed, "changed"), (ChangeKind::Removed, "removed")]
    {
        let names = of(kind);
        if !names.is_empty() {
            parts.push(format!("{word}: {names}"));
        }
    }
    parts.join("; ")
}

/// Returns what a configuration says of logs; the defaults, if that is unusable.
pub(super) fn log_of(resolved: &Resolved) -> LogConfig {
    server_of(&resolved.document, &mut ConfigFaults::new()).log
}
