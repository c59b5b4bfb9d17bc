//! Definitions with their types erased: what connections and channels share, prepared before either.

use std::{marker::PhantomData, sync::Arc};

use schemars::{Schema, SchemaGenerator};

use super::{
    entries::{self, Entry},
    generation::Generation,
    plan::Change,
    sections::Surroundings,
};
use crate::{
    config::{ConfigFaults, Document, Node, SectionName},
    connection::{AnyDefinition, Definition, DefinitionConfig, Definitions, Setup},
    security,
};

/// A technology's definitions.
pub(super) trait DefinitionType: Send + Sync {
    fn section(&self) -> SectionName;
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    fn prepare<'a>(
        &self,
        with: Surroundings<'a>,
        fakes: &Definitions,
        faults: &mut ConfigFaults,
    ) -> Vec<NewDefinition<'a>>;
}

/// A definition that was configured.
pub(super) struct NewDefinition<'a> {
    name: &'a str,
    /// The security definition that it names.
    security: Option<String>,
    /// `None` for one that is inactive.
    definition: Option<Arc<dyn AnyDefinition>>,
}

pub(super) struct TypedDefinition<D>(PhantomData<fn() -> D>);

impl<D> TypedDefinition<D> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<D: Definition> DefinitionType for TypedDefinition<D> {
    fn section(&self) -> SectionName {
        D::SECTION
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Vec<D::Config>>()
    }

    fn prepare<'a>(
        &self,
        with: Surroundings<'a>,
        fakes: &Definitions,
        faults: &mut ConfigFaults,
    ) -> Vec<NewDefinition<'a>> {
        let left_out = D::Config::without_counterpart();
        let entries = entries::read::<D::Config>(with.document, D::SECTION.name, left_out, faults);
        let mut definitions = Vec::new();
        // As a fake of a connection, one of a definition needs no files and secrets of what it stands for.
        for entry in entries.into_iter().filter(|entry| !fakes.is_fake(D::SECTION.name, entry.name)) {
            match new_definition::<D>(entry, with) {
                Ok(new) => definitions.push(new),
                Err(found) => faults.extend(found),
            }
        }
        definitions
    }
}

fn new_definition<'a, D: Definition>(
    entry: Entry<'a, D::Config>,
    with: Surroundings<'a>,
) -> Result<NewDefinition<'a>, ConfigFaults> {
    let Entry { name, config, node } = entry;
    debug_assert_eq!(name, config.name());
    let named = config.security().map(str::to_owned);
    if !config.is_active() {
        return Ok(NewDefinition { name, security: named, definition: None });
    }
    let place = &node.get("security").unwrap_or(node).origin;
    let security = named.as_deref().map(|security| with.securities.get(security, place)).transpose()?.cloned();
    let definitions = &Definitions::default();
    let Surroundings { files, ambient, .. } = with;
    let definition = D::prepare(Setup { config, node, security, definitions, files, ambient })?;
    Ok(NewDefinition { name, security: named, definition: Some(Arc::new(definition)) })
}

/// Prepares every definition, and keeps those of the generation before about which nothing has changed: neither their
/// entries, nor the files and the security definitions that they name.
pub(super) fn all<'a>(
    types: &[Box<dyn DefinitionType>],
    with: Surroundings<'a>,
    fakes: &Definitions,
    before: Option<(&Generation, &[Change])>,
    faults: &mut ConfigFaults,
) -> Definitions {
    let mut definitions = fakes.clone();
    for one in types {
        let section = one.section().name;
        for new in one.prepare(with, fakes, faults) {
            let kept = before.and_then(|(old, changes)| kept(old, section, &new, changes));
            definitions.insert(section, new.name, kept.or(new.definition));
        }
        insert_refused(&mut definitions, section, with.document);
    }
    definitions
}

/// Adds those that can't be used, which have the whole configuration refused: who stands over one needs no fault of its own.
pub(super) fn insert_refused(definitions: &mut Definitions, section: &'static str, document: &Document) {
    let names = document.entries(section).iter().filter_map(|node| node.get("name").and_then(Node::as_str));
    names.for_each(|name| definitions.insert(section, name, None));
}

fn kept(
    old: &Generation,
    section: &'static str,
    new: &NewDefinition<'_>,
    changes: &[Change],
) -> Option<Arc<dyn AnyDefinition>> {
    let is_changed = changes.iter().any(|change| {
        (change.section == section && change.name == new.name)
            || (change.section == security::SECTION.name && Some(&change.name) == new.security.as_ref())
    });
    if is_changed { None } else { old.definitions.any(section, new.name).cloned() }
}

/// Who stands over a definition or a connection.
pub(super) struct User {
    /// The section of that, and its name.
    pub(super) base: (&'static str, String),
    /// The section of the connection or channel, and its name.
    pub(super) user: (&'static str, String),
}
