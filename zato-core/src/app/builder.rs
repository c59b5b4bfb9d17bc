use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use serde_json::Value;
use tower::Layer;
use tracing::warn;

use super::{
    Running,
    definitions::{DefinitionType, TypedDefinition},
    engine::Engine,
    logging::Logging,
    schema,
    sections::{AnyChannel, AnyConnector, TypedConnector},
    signals::{End, Signals},
    supervisor,
};
use crate::{
    ambient::{Ambient, Clock, Random},
    channel::{Channel, Inherited},
    config::{Environment, ProcessEnvironment, SectionName, Sections, ServerConfig, ServiceConfig},
    connection::{Connections, Connector, Definition, Definitions, Handle, loopback::LoopbackConnector},
    error::{BoxError, Error, Result},
    layer::statistics::Recorder,
    message::{Message, Reply},
    router::UserLayer,
    security,
    service::{Background, BoundService, Registration, Service, Services, State, check_name},
};

/// The section that names the folder of user configuration.
pub(super) const USER_CONFIG: SectionName = SectionName { name: "user_config", aliases: &[] };

/// Puts a program together: services, connectors, channels, and where the configuration is.
///
/// ```no_run
/// # use zato_core::{app::App, service::Services, Result};
/// # async fn main_of_a_program() -> Result<()> {
/// App::new("bank").services(Services::new()).config_file("zato.yaml").run().await
/// # }
/// ```
#[must_use = "an app does nothing until it is started with `run` or `start`"]
pub struct App {
    pub(super) name: String,
    pub(super) registrations: Vec<Registration>,
    pub(super) state: State,
    pub(super) layers: Vec<UserLayer>,
    pub(super) definitions: Vec<Box<dyn DefinitionType>>,
    pub(super) connectors: Vec<Box<dyn AnyConnector>>,
    pub(super) channels: Vec<Arc<dyn AnyChannel>>,
    /// Sections that this program was built without, and the feature that brings each.
    left_out: Vec<(SectionName, &'static str)>,
    pub(super) source: Source,
    pub(super) environment: Arc<dyn Environment>,
    pub(super) ambient: Ambient,
    /// What services do in the background.
    pub(super) background: Arc<Background>,
    /// Connections that stand in for configured ones.
    pub(super) fakes: Connections,
    /// Definitions that stand in for configured ones.
    pub(super) fake_definitions: Definitions,
    pub(super) fakes_only: bool,
    logging: bool,
}

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Nobody said: every default holds.
    Nowhere,
    File(PathBuf),
    Text(String),
}

impl App {
    /// Starts with an app of a name, which logs carry, that has the loopback connector and nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        let app = Self {
            name: name.into(),
            registrations: Vec::new(),
            state: State::default(),
            layers: Vec::new(),
            definitions: Vec::new(),
            connectors: Vec::new(),
            channels: Vec::new(),
            left_out: Vec::new(),
            source: Source::Nowhere,
            environment: Arc::new(ProcessEnvironment),
            ambient: Ambient::default(),
            background: Arc::new(Background::new()),
            fakes: Connections::default(),
            fake_definitions: Definitions::default(),
            fakes_only: false,
            logging: false,
        };
        app.connector::<LoopbackConnector>()
    }

    /// Adds services.
    pub fn services(mut self, services: Services) -> Self {
        self.registrations.extend(services.into_registrations());
        self
    }

    /// Adds one service.
    pub fn service<S: Service>(self) -> Self {
        self.services(Services::new().add::<S>())
    }

    /// Hands in a value that services take as `#[state]`; one value of each type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.state.insert(value);
        self
    }

    /// Puts a tower layer around every service, inside the layers of the framework. The first is the outermost.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<ServiceCall> + Send + Sync + 'static,
        L::Service: tower::Service<Message, Response = Reply, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        <L::Service as tower::Service<Message>>::Future: Send,
    {
        self.add_layer(None, layer)
    }

    /// Puts a tower layer around one service, inside those that are around every service.
    pub fn layer_for<S, L>(self, layer: L) -> Self
    where
        S: Service,
        L: Layer<ServiceCall> + Send + Sync + 'static,
        L::Service: tower::Service<Message, Response = Reply, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        <L::Service as tower::Service<Message>>::Future: Send,
    {
        let name = S::definition().name().to_owned();
        self.add_layer(Some(name), layer)
    }

    fn add_layer<L>(mut self, service: Option<String>, layer: L) -> Self
    where
        L: Layer<ServiceCall> + Send + Sync + 'static,
        L::Service: tower::Service<Message, Response = Reply, Error: Into<BoxError>> + Clone + Send + Sync + 'static,
        <L::Service as tower::Service<Message>>::Future: Send,
    {
        let apply = move |inner| BoundService::layered(layer.layer(ServiceCall(inner)));
        self.layers.push(UserLayer { service, apply: Box::new(apply) });
        self
    }

    /// Adds what connections and channels of a technology share, such as a broker; once, whoever asks for it.
    pub fn definition<D: Definition>(mut self) -> Self {
        if self.definitions.iter().all(|known| known.section().name != D::SECTION.name) {
            self.definitions.push(Box::new(TypedDefinition::<D>::new()));
        }
        self
    }

    /// Adds a technology that services can call out to.
    pub fn connector<C: Connector>(mut self) -> Self {
        self.connectors.push(Box::new(TypedConnector::<C>::new()));
        self
    }

    /// Adds a technology that messages come in through, in place of one for the same sections.
    pub fn channel<C: Channel>(mut self, channel: C) -> Self {
        let names: Vec<&str> = C::sections().iter().map(|section| section.name.name).collect();
        self.channels.retain(|known| known.sections().iter().all(|section| !names.contains(&section.name)));
        self.channels.push(Arc::new(channel));
        self
    }

    /// Reads the configuration from a file, and again whenever it or a file that it includes is changed.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::File(path.into());
        self
    }

    /// Reads the configuration from a text.
    pub fn config_yaml(mut self, text: impl Into<String>) -> Self {
        self.source = Source::Text(text.into());
        self
    }

    /// Says that the program was built without what takes a section, and which feature brings that: a configuration that
    /// has it is refused with the remedy.
    pub fn left_out(mut self, section: SectionName, feature: &'static str) -> Self {
        self.left_out.push((section, feature));
        self
    }

    /// Puts a fake in the place of an outgoing connection, configured or not: for tests.
    pub fn fake<H: Handle>(mut self, name: &str, handle: &H) -> Self {
        self.fakes.insert_fake(name, handle);
        self
    }

    /// Puts a definition in place of what is configured or missing: for tests. Connections and channels over it are real ones,
    /// also in an app that makes no others, and lead to wherever it leads. It is closed when the app stops.
    pub fn fake_definition<D: Definition>(mut self, name: &str, definition: Arc<D>) -> Self {
        self.fake_definitions = self.fake_definitions.with_fake(name, definition);
        self
    }

    /// Makes no connection that leads out of the process, as an app of the test kit does: a call on one that has no
    /// [`fake`](Self::fake) is refused, and says so. What is configured is checked all the same.
    pub fn fakes_only(mut self) -> Self {
        self.fakes_only = true;
        self
    }

    /// Makes the connections that are configured, also in an app of the test kit: for tests against real systems.
    pub fn real_connections(mut self) -> Self {
        self.fakes_only = false;
        self
    }

    /// Takes environment variables from somewhere else than the process.
    pub fn environment(mut self, environment: impl Environment + 'static) -> Self {
        self.environment = Arc::new(environment);
        self
    }

    /// Takes time and randomness from somewhere else than the machine.
    pub fn ambient(mut self, clock: impl Clock, random: impl Random) -> Self {
        self.ambient = Ambient::new(clock, random);
        self
    }

    /// Logs to standard output as `server.log` says, unless the program has installed a subscriber of its own.
    /// [`App::run`] does so by itself.
    pub fn logging(mut self) -> Self {
        self.logging = true;
        self
    }

    /// Starts the app and returns while it runs.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) with everything that is wrong with the configuration or the services.
    ///
    /// # Cancel safety
    ///
    /// When dropped, nothing is left running.
    pub async fn start(self) -> Result<Running> {
        let logging = self.logging.then(Logging::default);
        Engine::start(self.checked()?, logging).await
    }

    /// Starts the app, logs to standard output, and runs until the process is told to stop.
    ///
    /// `SIGINT` and `SIGTERM` stop it gracefully, a second one at once; `SIGHUP` has the configuration read again;
    /// `SIGUSR2` starts the program anew, hands the listening sockets over, and stops when the new process serves.
    /// Sockets that systemd has opened are used, and systemd is told how the program stands.
    ///
    /// # Errors
    ///
    /// As [`App::start`].
    pub async fn run(self) -> Result<()> {
        // First of all: a signal that comes while the app starts must not end the process unheard.
        let mut signals = Signals::new();
        let running = tokio::select! {
            running = self.logging().start() => running?,
            () = signals.again() => return Ok(()),
        };
        // One app is the whole program here, so that nobody else can want them.
        for address in Inherited::of_process().close() {
            warn!(%address, "the program was started with a socket that the configuration has no use for; it is closed");
        }
        running.tell_ready();
        if let End::Told = signals.until_end(&running).await {
            supervisor::stopping();
        }
        tokio::select! {
            _ = running.stop() => Ok(()),
            () = signals.again() => Err(Error::unavailable("told to stop twice, ended at once")),
        }
    }

    /// Returns the JSON Schema (2020-12) of the whole configuration, for editors.
    pub fn config_schema(&self) -> Value {
        schema::of(self)
    }

    /// Returns the names of every section that the configuration may have.
    pub(super) fn sections(&self) -> Sections {
        let own = [ServerConfig::SECTION, ServiceConfig::SECTION, security::SECTION, USER_CONFIG];
        let definitions = self.definitions.iter().map(|definition| definition.section());
        let connectors = self.connectors.iter().map(|connector| connector.section());
        let channels = self.channels.iter().flat_map(|channel| channel.sections());
        Sections::new(own.into_iter().chain(definitions).chain(connectors).chain(channels))
            .left_out(self.left_out.iter().copied())
    }

    pub(super) fn service_types(&self) -> BTreeSet<std::any::TypeId> {
        self.registrations.iter().map(Registration::type_id).collect()
    }

    pub(super) fn recorders(&self) -> BTreeMap<String, Arc<Recorder>> {
        let name = |registration: &Registration| registration.definition.name().to_owned();
        self.registrations.iter().map(|registration| (name(registration), Arc::default())).collect()
    }

    /// Checks what no configuration can change.
    fn checked(self) -> Result<Self> {
        let mut seen: BTreeMap<&str, Option<(&str, u32)>> = BTreeMap::new();
        for registration in &self.registrations {
            let definition = &registration.definition;
            let name = definition.name();
            check_name(name).map_err(|fault| Error::config(format!("the service name \"{name}\" {fault}")))?;
            if let Some(first) = seen.insert(name, definition.written_at()) {
                let place = |at: Option<(&str, u32)>| {
                    at.map_or_else(|| "an unknown place".to_owned(), |(file, line)| format!("{file}:{line}"))
                };
                let (first, second) = (place(first), place(definition.written_at()));
                return Err(Error::config(format!(
                    "two services are named \"{name}\", at {first} and {second}; rename one with `#[service(name = \"...\")]`"
                )));
            }
        }
        Ok(self)
    }
}

/// A service as the layers of a program see it: a tower service that takes a [`Message`] and gives a [`Reply`].
///
/// It is always ready, and cheap to clone.
#[derive(Clone)]
pub struct ServiceCall(BoundService);

impl tower::Service<Message> for ServiceCall {
    type Response = Reply;
    type Error = Error;
    type Future = crate::channel::BoxFuture<'static, Result<Reply>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, message: Message) -> Self::Future {
        self.0.call(message)
    }
}

impl fmt::Debug for ServiceCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceCall")
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("services", &self.registrations)
            .field("config", &self.source)
            .finish_non_exhaustive()
    }
}
