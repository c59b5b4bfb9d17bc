//! Connectors and channels with their types erased, so that one engine serves them all.

use std::{io, marker::PhantomData, net::TcpListener, sync::Arc, time::Duration};

use schemars::{Schema, SchemaGenerator};

use super::entries::{self, Entry};
use crate::{
    ambient::Ambient,
    channel::{BoxFuture, Channel, ChannelConfig, Inherited, Inlets, Plan},
    config::{ConfigFault, ConfigFaults, Document, Files, Origin, SectionName, ServerConfig, listing},
    connection::{ConnectionConfig, ConnectionStatus, Connections, Connector, Definitions, Setup, Supervised},
    inspect::Inspect,
    metrics::Exposition,
    rate::RateLimiters,
    security::Securities,
};

/// A technology that services can call out to.
pub(super) trait AnyConnector: Send + Sync {
    fn section(&self) -> SectionName;
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    fn prepare<'a>(
        &self,
        with: Surroundings<'a>,
        definitions: &Definitions,
        faults: &mut ConfigFaults,
    ) -> Vec<NewConnection<'a>>;
}

/// What every connection is prepared with.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) document: &'a Document,
    pub(super) securities: &'a Securities,
    pub(super) files: &'a Files,
    pub(super) ambient: &'a Ambient,
    /// What stands in for connections in tests: those are not prepared, since their files and secrets may not be there.
    pub(super) fakes: &'a Connections,
    /// Whether there is nothing but fakes.
    pub(super) fakes_only: bool,
}

/// A connection that was configured and is not begun.
pub(super) struct NewConnection<'a> {
    pub(super) name: &'a str,
    pub(super) is_active: bool,
    /// The security definition that it names.
    pub(super) security: Option<String>,
    /// The section and the name of what it stands over.
    pub(super) over: Option<(&'static str, String)>,
    pub(super) connection: Supervised,
}

pub(super) struct TypedConnector<C>(PhantomData<fn() -> C>);

impl<C> TypedConnector<C> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C: Connector> AnyConnector for TypedConnector<C> {
    fn section(&self) -> SectionName {
        C::SECTION
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Vec<C::Config>>()
    }

    fn prepare<'a>(
        &self,
        with: Surroundings<'a>,
        definitions: &Definitions,
        faults: &mut ConfigFaults,
    ) -> Vec<NewConnection<'a>> {
        let left_out = C::Config::without_counterpart();
        let entries = entries::read::<C::Config>(with.document, C::SECTION.name, left_out, faults);
        let mut connections = Vec::new();
        for entry in entries {
            match new_connection::<C>(entry, with, definitions) {
                Ok(new) => connections.push(new),
                Err(found) => faults.extend(found),
            }
        }
        connections
    }
}

fn new_connection<'a, C: Connector>(
    entry: Entry<'a, C::Config>,
    with: Surroundings<'a>,
    definitions: &Definitions,
) -> Result<NewConnection<'a>, ConfigFaults> {
    let Entry { name, config, node } = entry;
    debug_assert_eq!(name, config.name());
    let Surroundings { securities, files, ambient, fakes, fakes_only, .. } = with;
    let security = config.security().map(str::to_owned);
    let over = config.over().map(|(section, name)| (section, name.to_owned()));
    let (is_inactive, is_fake) = over.as_ref().map_or((false, false), |(section, name)| {
        (definitions.is_inactive(section, name), definitions.is_fake(section, name))
    });
    let leads_out = (C::LEADS_OUT && config.leads_out()) || over.is_some();
    let new = |is_active, connection| NewConnection { name, is_active, security: security.clone(), over, connection };
    if !config.is_active() || is_inactive || fakes.any(C::SECTION.name, name).is_some() {
        return Ok(new(false, Supervised::inactive::<C>(name, ambient.clone())));
    }
    let place = &node.get("security").unwrap_or(node).origin;
    let credentials = security.as_deref().map(|security| securities.get(security, place)).transpose()?.cloned();
    let interval = config.ping_interval();
    let prepared = C::prepare(Setup { config, node, security: credentials, definitions, files, ambient })?;
    // What stands over something that a test has made up leads there.
    if fakes_only && leads_out && !is_fake {
        return Ok(new(true, Supervised::unfaked::<C>(name, ambient.clone())));
    }
    Ok(new(true, Supervised::new::<C>(name, prepared, interval, ambient.clone())))
}

/// What every channel is prepared with.
#[derive(Clone, Copy)]
pub(super) struct Preparation<'a> {
    pub(super) document: &'a Document,
    pub(super) server: &'a ServerConfig,
    pub(super) inlets: &'a dyn Inlets,
    pub(super) services: &'a [&'a str],
    pub(super) securities: &'a Securities,
    pub(super) definitions: &'a Definitions,
    pub(super) files: &'a Files,
    pub(super) ambient: &'a Ambient,
    pub(super) rate_limiters: &'a RateLimiters,
    pub(super) inspect: &'a Arc<dyn Inspect>,
}

/// Switches a channel over to what it has prepared.
pub(super) type Activation = Box<dyn FnOnce() + Send>;

/// What a channel has ready for a new configuration.
pub(super) struct Prepared {
    pub(super) activation: Activation,
    pub(super) entries: Vec<ChannelEntry>,
}

/// One entry of a channel's section, for whoever looks at the app.
pub(super) struct ChannelEntry {
    pub(super) section: &'static str,
    pub(super) name: String,
    pub(super) service: String,
    pub(super) security: Option<String>,
    /// The section and the name of what it stands over.
    pub(super) over: Option<(&'static str, String)>,
    pub(super) is_active: bool,
}

impl ChannelEntry {
    fn of<C: Channel>(section: &'static str, config: &C::Config, definitions: &Definitions) -> Self {
        let over = config.over().map(|(section, name)| (section, name.to_owned()));
        let is_inactive = over.as_ref().is_some_and(|(section, name)| definitions.is_inactive(section, name));
        Self {
            section,
            name: config.name().to_owned(),
            service: config.service().to_owned(),
            security: config.security().map(str::to_owned),
            over,
            is_active: config.is_active() && !is_inactive,
        }
    }
}

/// A technology that messages come in through.
pub(super) trait AnyChannel: Send + Sync {
    fn sections(&self) -> Vec<SectionName>;
    fn schemas(&self, generator: &mut SchemaGenerator) -> Vec<(SectionName, Schema)>;
    fn prepare<'a>(self: Arc<Self>, with: Preparation<'a>) -> BoxFuture<'a, Result<Prepared, ConfigFaults>>;
    fn tried(&self) -> BoxFuture<'_, ()>;
    fn stop(&self, within: Duration) -> BoxFuture<'_, Vec<String>>;
    fn close(&self) -> BoxFuture<'_, ()>;
    fn metrics(&self, exposition: &mut Exposition);
    fn statuses(&self) -> Vec<ConnectionStatus>;
    fn addresses(&self) -> Vec<String>;
    fn listeners(&self) -> io::Result<Vec<TcpListener>>;
    fn as_any(&self) -> &dyn std::any::Any;
}

impl<C: Channel> AnyChannel for C {
    fn sections(&self) -> Vec<SectionName> {
        C::sections().into_iter().map(|section| section.name).collect()
    }

    fn schemas(&self, generator: &mut SchemaGenerator) -> Vec<(SectionName, Schema)> {
        C::sections().into_iter().map(|section| (section.name, section.schema(generator))).collect()
    }

    fn prepare<'a>(self: Arc<Self>, with: Preparation<'a>) -> BoxFuture<'a, Result<Prepared, ConfigFaults>> {
        Box::pin(async move {
            let (shown, entries) = entries_of::<C>(&with)?;
            let Preparation { document, server, inlets, securities, definitions, files, ambient, .. } = with;
            let server_node = document.section(ServerConfig::SECTION.name).map(|section| &section.value);
            let plan = Plan {
                server,
                server_node,
                entries: &entries,
                inlets,
                securities,
                definitions,
                files,
                ambient,
                rate_limiters: with.rate_limiters,
                inherited: Inherited::of_process(),
                inspect: with.inspect,
            };
            let prepared = Channel::prepare(&*self, plan).await?;
            Ok(Prepared { activation: Box::new(move || self.activate(prepared)), entries: shown })
        })
    }

    fn tried(&self) -> BoxFuture<'_, ()> {
        Box::pin(Channel::tried(self))
    }

    fn stop(&self, within: Duration) -> BoxFuture<'_, Vec<String>> {
        Box::pin(Channel::stop(self, within))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Channel::close(self))
    }

    fn metrics(&self, exposition: &mut Exposition) {
        Channel::metrics(self, exposition);
    }

    fn statuses(&self) -> Vec<ConnectionStatus> {
        Channel::statuses(self)
    }

    fn addresses(&self) -> Vec<String> {
        Channel::addresses(self)
    }

    fn listeners(&self) -> io::Result<Vec<TcpListener>> {
        Channel::listeners(self)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Entries as they are shown, and as their channel reads them.
type Entries<C> = (Vec<ChannelEntry>, Vec<(C, Origin)>);

/// Reads the entries of a channel's sections, whose services must all exist.
fn entries_of<C: Channel>(with: &Preparation<'_>) -> Result<Entries<C::Config>, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let (mut shown, mut read) = (Vec::new(), Vec::new());
    for section in C::sections() {
        let (name, left_out) = (section.name.name, section.without_counterpart());
        let entries = entries::read_with(with.document, name, &mut faults, |node| {
            section.read(&entries::without(node, name, left_out))
        });
        for Entry { config, node, .. } in entries {
            let service = config.service();
            if !with.services.contains(&service) {
                let origin = node.get("service").map_or(&node.origin, |node| &node.origin);
                faults.push(ConfigFault::at(origin, listing("service", service, with.services.iter().copied())));
            }
            shown.push(ChannelEntry::of::<C>(name, &config, with.definitions));
            read.push((config, node.origin.clone()));
        }
    }
    faults.into_result((shown, read))
}
