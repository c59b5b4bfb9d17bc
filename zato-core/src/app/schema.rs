//! The JSON Schema of a whole configuration, out of the structs that read it.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{App, builder::USER_CONFIG, user::UserConfigSection};
use crate::{
    config::{SectionName, ServerConfig, ServiceConfig},
    security::{self, SecurityConfig},
};

pub(super) fn of(app: &App) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut properties = Map::new();
    let include = json!({
        "description": "Further files, relative to this one",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    });
    properties.insert("include".to_owned(), include);
    let server = generator.subschema_for::<ServerConfig>();
    add(&mut properties, ServerConfig::SECTION, &server);
    let services = generator.subschema_for::<Vec<ServiceConfig>>();
    add(&mut properties, ServiceConfig::SECTION, &services);
    let securities = generator.subschema_for::<Vec<SecurityConfig>>();
    add(&mut properties, security::SECTION, &securities);
    let user = generator.subschema_for::<UserConfigSection>();
    add(&mut properties, USER_CONFIG, &user);
    for definition in &app.definitions {
        let schema = definition.schema(&mut generator);
        add(&mut properties, definition.section(), &schema);
    }
    for connector in &app.connectors {
        let schema = connector.schema(&mut generator);
        add(&mut properties, connector.section(), &schema);
    }
    for channel in &app.channels {
        for (section, schema) in channel.schemas(&mut generator) {
            add(&mut properties, section, &schema);
        }
    }
    whole(&mut generator, &properties)
}

/// Adds a section under its name and its aliases.
fn add(properties: &mut Map<String, Value>, section: SectionName, schema: &Schema) {
    for name in std::iter::once(section.name).chain(section.aliases.iter().copied()) {
        properties.insert(name.to_owned(), schema.clone().to_value());
    }
}

fn whole(generator: &mut SchemaGenerator, properties: &Map<String, Value>) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": generator.take_definitions(true),
    })
}
