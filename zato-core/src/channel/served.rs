use std::fmt;

use schemars::{Schema, SchemaGenerator};

/// What a service takes or gives.
///
/// A channel that describes itself to its callers, as a WSDL does, knows of a model how its schema is made, and nothing
/// else.
///
/// ```
/// use zato_core::{Value, channel::Shape};
///
/// assert_eq!(format!("{:?}", Shape::model::<Value>()), "Value");
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Shape {
    /// Nothing.
    Nothing,
    /// Bytes as they come, all at once or in pieces.
    Raw,
    /// A form whose parts come one by one.
    #[cfg(feature = "multipart")]
    Multipart,
    /// A list of models that comes or goes one by one.
    Rows {
        /// The name of the model.
        name: &'static str,
        /// Gives the JSON Schema of the list.
        schema: fn(&mut SchemaGenerator) -> Schema,
        /// Gives the JSON Schema of the list as a document of its own.
        root: fn(SchemaGenerator) -> Schema,
        /// Whether it is read leniently.
        is_lenient: bool,
    },
    /// A model.
    Model {
        /// The model's name.
        name: &'static str,
        /// Gives its JSON Schema, as a part of a document with others.
        schema: fn(&mut SchemaGenerator) -> Schema,
        /// Gives its JSON Schema as a document of its own.
        root: fn(SchemaGenerator) -> Schema,
        /// Whether it is read leniently.
        is_lenient: bool,
    },
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Raw => "raw",
            #[cfg(feature = "multipart")]
            Self::Multipart => "multipart",
            Self::Rows { name, .. } | Self::Model { name, .. } => name,
        })
    }
}

/// What a channel may tell its callers of the service behind an [`Inlet`](super::Inlet).
///
/// ```
/// use zato_core::channel::{Served, Shape};
///
/// let served = Served { name: "ping", documentation: "", input: Shape::Nothing, output: Shape::Raw };
/// assert_eq!(served.name, "ping");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The service's name.
    pub name: &'a str,
    /// What it does, in Markdown; empty if nobody has said.
    pub documentation: &'a str,
    /// What it takes.
    pub input: Shape,
    /// What it gives.
    pub output: Shape,
}
