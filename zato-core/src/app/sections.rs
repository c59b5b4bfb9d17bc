//! Connectors and channels with their types erased, so that one engine serves them all.

use std::{io, marker::PhantomData, net::TcpListener, sync::Arc, time::Duration};

use schemars::{Schema, SchemaGenerator};

use super::entries;
use crate::{
    ambient::Ambient,
    channel::{BoxFuture, Channel, ChannelConfig, Inherited, Inlets, Plan},
    config::{ConfigFault, ConfigFaults, Document, Files, Node, Origin, SectionName, ServerConfig, listing},
    connection::{ConnectionConfig, Connector, Supervised},
    rate::RateLimiters,
    security::Securities,
};

/// A technology that services can call out to.
pub(super) trait AnyConnector: Send + Sync {
    fn section(&self) -> SectionName;
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    fn read<'a>(&self, document: &'a Document, faults: &mut ConfigFaults) -> Vec<NewConnection<'a>>;
}

/// A connection that was configured and is not started.
pub(super) struct NewConnection<'a> {
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) start: Box<dyn FnOnce(Arc<Securities>, Ambient) -> Supervised + Send + 'a>,
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

    fn read<'a>(&self, document: &'a Document, faults: &mut ConfigFaults) -> Vec<NewConnection<'a>> {
        let entries = entries::read::<C::Config>(document, C::SECTION.name, &[], faults);
        entries
            .into_iter()
            .map(|entry| {
                debug_assert_eq!(entry.name, entry.config.name());
                let origin = entry.node.origin.clone();
                NewConnection {
                    name: entry.name,
                    node: entry.node,
                    start: Box::new(move |securities, ambient| {
                        Supervised::new::<C>(entry.config, origin, securities, ambient)
                    }),
                }
            })
            .collect()
    }
}

/// What every channel is prepared with.
#[derive(Clone, Copy)]
pub(super) struct Preparation<'a> {
    pub(super) document: &'a Document,
    pub(super) server: &'a ServerConfig,
    pub(super) inlets: &'a dyn Inlets,
    pub(super) services: &'a [&'a str],
    pub(super) securities: &'a Securities,
    pub(super) files: &'a Files,
    pub(super) ambient: &'a Ambient,
    pub(super) rate_limiters: &'a RateLimiters,
}

/// Switches a channel over to what it has prepared.
pub(super) type Activation = Box<dyn FnOnce() + Send>;

/// A technology that messages come in through.
pub(super) trait AnyChannel: Send + Sync {
    fn section(&self) -> SectionName;
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    fn prepare<'a>(self: Arc<Self>, with: Preparation<'a>) -> BoxFuture<'a, Result<Activation, ConfigFaults>>;
    fn stop(&self, within: Duration) -> BoxFuture<'_, Vec<String>>;
    fn addresses(&self) -> Vec<String>;
    fn listeners(&self) -> io::Result<Vec<TcpListener>>;
    fn as_any(&self) -> &dyn std::any::Any;
}

impl<C: Channel> AnyChannel for C {
    fn section(&self) -> SectionName {
        C::SECTION
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Vec<C::Config>>()
    }

    fn prepare<'a>(self: Arc<Self>, with: Preparation<'a>) -> BoxFuture<'a, Result<Activation, ConfigFaults>> {
        Box::pin(async move {
            let entries = entries_of::<C>(&with)?;
            let Preparation { document, server, inlets, securities, files, ambient, rate_limiters, .. } = with;
            let server_node = document.section(ServerConfig::SECTION.name).map(|section| &section.value);
            let plan = Plan {
                server,
                server_node,
                entries: &entries,
                inlets,
                securities,
                files,
                ambient,
                rate_limiters,
                inherited: Inherited::of_process(),
            };
            let prepared = Channel::prepare(&*self, plan).await?;
            let activation: Activation = Box::new(move || self.activate(prepared));
            Ok(activation)
        })
    }

    fn stop(&self, within: Duration) -> BoxFuture<'_, Vec<String>> {
        Box::pin(Channel::stop(self, within))
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

/// Reads the entries of a channel's section, whose services must all exist.
fn entries_of<C: Channel>(with: &Preparation<'_>) -> Result<Vec<(C::Config, Origin)>, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    let left_out = C::Config::without_counterpart();
    let entries = entries::read::<C::Config>(with.document, C::SECTION.name, left_out, &mut faults);
    for entry in &entries {
        let service = entry.config.service();
        if !with.services.contains(&service) {
            let origin = entry.node.get("service").map_or(&entry.node.origin, |node| &node.origin);
            faults.push(ConfigFault::at(origin, listing("service", service, with.services.iter().copied())));
        }
    }
    let entries = entries.into_iter().map(|entry| (entry.config, entry.node.origin.clone())).collect();
    faults.into_result(entries)
}
