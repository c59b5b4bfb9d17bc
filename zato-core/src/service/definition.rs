use std::{any::TypeId, borrow::Cow, fmt};

use serde_json::Value;

use super::{Binder, FromUserConfig, Input, Output, Service, TakeDelivery};
use crate::{
    channel::{Served, Shape},
    connection::{Connector, Handle},
    error::Result,
    model::{self, Direction, Model},
};

/// What is known of a service before it runs: its name, what it takes and gives, and everything it needs.
///
/// The `#[service]` attribute writes one; by hand it is as short:
///
/// ```
/// use zato_core::{
///     connection::loopback::Loopback,
///     service::{Binder, Context, Definition, Raw, Service},
///     Result,
/// };
///
/// struct Relay {
///     echo: Loopback,
/// }
///
/// impl Service for Relay {
///     type Input = Raw;
///     type Output = Raw;
///
///     fn definition() -> Definition {
///         Definition::of::<Self>("relay").docs("Gives back what it gets.").out::<Loopback>("Echo")
///     }
///
///     fn bind(binder: &Binder<'_>) -> Result<Self> {
///         Ok(Self { echo: binder.out("Echo")? })
///     }
///
///     async fn call(&self, _: &Context, input: Raw) -> Result<Raw> {
///         Ok(Raw::new(self.echo.call(input.bytes().await?).await?))
///     }
/// }
///
/// assert_eq!(Relay::definition().name(), "relay");
/// ```
#[derive(Clone, Debug)]
pub struct Definition {
    name: Cow<'static, str>,
    docs: Cow<'static, str>,
    source: Option<(&'static str, u32)>,
    type_id: TypeId,
    type_name: &'static str,
    input: Shape,
    output: Shape,
    needs: Vec<Need>,
    takes_delivery: bool,
    needs_delivery: bool,
}

impl Definition {
    /// Starts the definition of a service type.
    pub fn of<S: Service>(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            docs: Cow::Borrowed(""),
            source: None,
            type_id: TypeId::of::<S>(),
            type_name: std::any::type_name::<S>(),
            input: S::Input::shape(),
            output: S::Output::shape(),
            needs: Vec::new(),
            takes_delivery: false,
            needs_delivery: false,
        }
    }

    /// Says what the service does, in Markdown; its first paragraph is the summary.
    #[must_use]
    pub fn docs(mut self, docs: impl Into<Cow<'static, str>>) -> Self {
        self.docs = docs.into();
        self
    }

    /// Says where the service is written.
    #[must_use]
    pub fn source(mut self, file: &'static str, line: u32) -> Self {
        self.source = Some((file, line));
        self
    }

    /// Adds the need for an outgoing connection.
    #[must_use]
    pub fn out<H: Handle>(self, name: &'static str) -> Self {
        let check = |binder: &Binder<'_>, name: &str| binder.out::<H>(name).map(drop);
        self.need(NeedKind::Out { section: H::Connector::SECTION.name }, name, check)
    }

    /// Adds the need for a file of user configuration.
    #[must_use]
    pub fn config<T: FromUserConfig>(self, name: &'static str) -> Self {
        self.need(NeedKind::Config, name, |binder, name| binder.config::<T>(name).map(drop))
    }

    /// Adds the need for a value that the program hands in.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(self) -> Self {
        self.need(NeedKind::State, std::any::type_name::<T>(), |binder, _| binder.state::<T>().map(drop))
    }

    /// Adds the need for another service.
    #[must_use]
    pub fn invoke<I: super::Invocation>(self) -> Self {
        self.need(NeedKind::Invoke, std::any::type_name::<I::Service>(), |binder, _| binder.invoke::<I>().map(drop))
    }

    /// Says that the service settles messages of a broker itself, and whether it can be called without one.
    #[must_use]
    pub fn delivery<T: TakeDelivery>(mut self) -> Self {
        self.takes_delivery = true;
        self.needs_delivery |= T::IS_NEEDED;
        self
    }

    fn need(mut self, kind: NeedKind, name: &'static str, check: fn(&Binder<'_>, &str) -> Result<()>) -> Self {
        self.needs.push(Need { kind, name, check });
        self
    }

    /// Returns the service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the service does, in Markdown.
    #[must_use]
    pub fn documentation(&self) -> &str {
        &self.docs
    }

    /// Returns the file and line that the service is written at, if known.
    #[must_use]
    pub fn written_at(&self) -> Option<(&'static str, u32)> {
        self.source
    }

    /// Returns what the service takes.
    #[must_use]
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Returns what the service gives.
    #[must_use]
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Returns the JSON Schema (2020-12) of what the service takes, as a document of its own; `None` if that is no model.
    ///
    /// It says what is read from JSON. From a text format each value is a text, which is read into the type that the schema
    /// has.
    ///
    /// ```
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    /// # struct User { name: String, age: Option<u8> }
    /// # impl zato_core::model::Model for User { const NAME: &'static str = "User"; fn __made_by_the_macro() {} }
    /// use zato_core::{service::{Binder, Context, Definition, Service}, Result};
    ///
    /// struct Save {}
    ///
    /// impl Service for Save {
    ///     type Input = User;
    ///     type Output = ();
    /// #   fn definition() -> Definition { Definition::of::<Self>("save") }
    /// #   fn bind(_: &Binder<'_>) -> Result<Self> { Ok(Self {}) }
    /// #   async fn call(&self, _: &Context, _: User) -> Result<()> { Ok(()) }
    ///     // ...
    /// }
    ///
    /// let schema = Save::definition().input_schema().unwrap();
    /// assert_eq!((&schema["title"], &schema["required"][0]), (&"User".into(), &"name".into()));
    /// assert_eq!(Save::definition().output_schema(), None);
    /// ```
    #[must_use]
    pub fn input_schema(&self) -> Option<Value> {
        self.input.document(Direction::In)
    }

    /// Returns the JSON Schema (2020-12) of what the service gives, as a document of its own; `None` if that is no model.
    #[must_use]
    pub fn output_schema(&self) -> Option<Value> {
        self.output.document(Direction::Out)
    }

    /// Returns everything that the service needs, in the order of its parameters.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// Returns whether the service settles messages of a broker itself.
    #[must_use]
    pub fn takes_delivery(&self) -> bool {
        self.takes_delivery
    }

    /// Returns whether the service can't be called without a message of a broker.
    #[must_use]
    pub fn needs_delivery(&self) -> bool {
        self.needs_delivery
    }

    /// Returns what a channel may tell its callers of it.
    pub(crate) fn served(&self) -> Served<'_> {
        Served { name: &self.name, documentation: &self.docs, input: self.input, output: self.output }
    }

    /// Returns the name of the service's type, by which others say that they need it.
    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    pub(crate) fn type_id(&self) -> TypeId {
        self.type_id
    }
}

/// One thing that a service needs, known before any request asks for it.
#[derive(Clone)]
pub struct Need {
    kind: NeedKind,
    name: &'static str,
    check: fn(&Binder<'_>, &str) -> Result<()>,
}

/// What kind of thing a service needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeedKind {
    /// An outgoing connection.
    Out {
        /// The section of the configuration that it stands in.
        section: &'static str,
    },
    /// A file of user configuration.
    Config,
    /// A value that the program hands in; the name is its type's.
    State,
    /// Another service; the name is its type's.
    Invoke,
}

impl Need {
    /// Returns what kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> NeedKind {
        self.kind
    }

    /// Returns the name that the service asks for it by.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks whether the need is met.
    ///
    /// # Errors
    ///
    /// What is missing, and what there is instead.
    pub(crate) fn check(&self, binder: &Binder<'_>) -> Result<()> {
        (self.check)(binder, self.name)
    }
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.name)
    }
}

impl Shape {
    /// Returns the shape of a model.
    #[must_use]
    pub fn model<M: Model>() -> Self {
        Self::Model {
            name: M::NAME,
            schema: |generator| generator.subschema_for::<M>(),
            root: |generator| generator.into_root_schema_for::<M>(),
            is_lenient: M::COERCE,
        }
    }

    fn document(self, direction: Direction) -> Option<Value> {
        match self {
            Self::Model { root, is_lenient, .. } | Self::Rows { root, is_lenient, .. } => {
                Some(model::document(root, direction, is_lenient))
            }
            _ => None,
        }
    }

    /// Returns the shape of a list of models that comes or goes one by one.
    #[must_use]
    pub fn rows<M: Model>() -> Self {
        Self::Rows {
            name: M::NAME,
            schema: |generator| generator.subschema_for::<Vec<M>>(),
            root: |generator| generator.into_root_schema_for::<Vec<M>>(),
            is_lenient: M::COERCE,
        }
    }

    /// Returns whether it is a model, or a list of them, which a channel's format says how to read and write.
    #[must_use]
    pub fn is_model(self) -> bool {
        matches!(self, Self::Model { .. } | Self::Rows { .. })
    }

    /// Returns whether a service that takes this reads the payload itself, while it comes.
    #[must_use]
    pub fn takes_stream(self) -> bool {
        match self {
            Self::Raw | Self::Rows { .. } => true,
            #[cfg(feature = "multipart")]
            Self::Multipart => true,
            Self::Nothing | Self::Model { .. } => false,
        }
    }
}
