//! Name to service: every service of the app, bound and with its layers around it.

use std::{
    any::TypeId,
    collections::{BTreeMap, HashMap},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    ambient::Ambient,
    channel::{BoxFuture, Inlet, Inlets, Intake, Places, Served},
    config::{ConfigFault, ConfigFaults, ServerConfig, listing},
    error::{Error, Result},
    layer::{
        limit::{LimitLayer, Limiter, Limiters},
        statistics::Recorder,
    },
    message::{ChannelInfo, Head, Message, Payload, Reply},
    service::{
        Background, Binder, BoundService, Definition, Dispatch, InBackground, Layers, Registration, Target, Via,
    },
};

/// A layer of the user's, for all services or one.
pub(crate) struct UserLayer {
    /// The service that it is for; `None` for all.
    pub(crate) service: Option<String>,
    pub(crate) apply: Box<dyn Fn(BoundService) -> BoundService + Send + Sync>,
}

/// What services are put together with.
pub(crate) struct Parts<'a> {
    pub(crate) registrations: &'a [Registration],
    pub(crate) binder: &'a Binder<'a>,
    pub(crate) ambient: &'a Ambient,
    pub(crate) layers: &'a [UserLayer],
    pub(crate) recorders: &'a BTreeMap<String, Arc<Recorder>>,
    pub(crate) server: &'a ServerConfig,
    pub(crate) limiters: &'a Arc<Limiters>,
    /// From when on a request of a service is slow.
    pub(crate) slow: &'a (dyn Fn(&str) -> Duration + Sync),
    pub(crate) background: &'a Arc<Background>,
}

/// Every service of one generation of the configuration.
///
/// It lives as long as the last request that was begun under that generation; `Router::ended` tells when that was.
pub struct Router {
    routes: HashMap<String, Arc<Route>>,
    by_type: HashMap<TypeId, Arc<Route>, BuildHasherDefault<TypeIdHasher>>,
    limiters: Arc<Limiters>,
    /// Weak, since what is done in the background keeps the router.
    background: Weak<Background>,
    max_background_tasks: usize,
    /// How long a service may take that is invoked in the background.
    request_timeout: Duration,
    alive: watch::Sender<()>,
}

/// Takes a type's id as it is, since it is a hash already.
#[derive(Default)]
struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Only if ids are one day hashed in another way than now: slower then, and right all the same.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Route {
    service: BoundService,
    layers: Layers,
    /// What a message says that comes from another service.
    channel: Arc<ChannelInfo>,
    definition: Arc<Definition>,
}

impl Router {
    /// Binds every service to what this generation has.
    ///
    /// # Errors
    ///
    /// Every need of every service that is not met.
    pub(crate) fn build(parts: &Parts<'_>) -> Result<Arc<Self>, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        check_needs(parts, &mut faults);
        faults.into_result(())?;
        let mut faults = ConfigFaults::new();
        let places = (parts.server.max_concurrent_requests, parts.server.max_queued_requests);
        let limiter = parts.limiters.get_or_make(ServerConfig::SECTION.name, "", places, limiter_of);
        let limit = LimitLayer::new(limiter);
        let router = Arc::new_cyclic(|weak: &Weak<Self>| {
            let (mut routes, mut by_type) = (HashMap::new(), HashMap::default());
            for registration in parts.registrations {
                let dispatch: Weak<dyn Dispatch> = Weak::<Self>::clone(weak);
                match registration.bind(parts.binder, parts.ambient.clone(), dispatch) {
                    Ok(bound) => {
                        let name = registration.definition.name().to_owned();
                        // A layer of the program's own that panics must not end the task that applies configurations.
                        let Ok(route) = catch_unwind(AssertUnwindSafe(|| {
                            Route::new(&registration.definition, bound, parts, &limit)
                        })) else {
                            faults.push(ConfigFault::new(format!("a layer around the service \"{name}\" panicked")));
                            continue;
                        };
                        let route = Arc::new(route);
                        by_type.insert(registration.type_id(), Arc::clone(&route));
                        routes.insert(name, route);
                    }
                    Err(error) => faults.push(fault_of(registration, &error)),
                }
            }
            Self {
                routes,
                by_type,
                limiters: Arc::clone(parts.limiters),
                background: Arc::downgrade(parts.background),
                max_background_tasks: parts.server.max_background_tasks,
                request_timeout: parts.server.request_timeout.0,
                alive: watch::Sender::new(()),
            }
        });
        faults.into_result(router)
    }

    /// Returns what tells when the last request of this generation has ended: `changed` fails then.
    pub(crate) fn ended(&self) -> watch::Receiver<()> {
        self.alive.subscribe()
    }

    /// Serves a message by the name of its service.
    pub(crate) fn serve(self: &Arc<Self>, service: &str, message: Message) -> BoxFuture<'static, Result<Reply>> {
        match self.inlet_of(service) {
            Some(inlet) => inlet.call(message),
            None => {
                let error = Error::not_found(listing("service", service, self.routes.keys().map(String::as_str)));
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }

    pub(crate) fn inlet_of(self: &Arc<Self>, service: &str) -> Option<Inlet> {
        let route = Arc::clone(self.routes.get(service)?);
        Some(Inlet::new(Arc::new(Entrance { _router: Arc::clone(self), route })))
    }

    /// Returns the channel that a message from within says it came through.
    pub(crate) fn channel_of(&self, service: &str) -> Option<Arc<ChannelInfo>> {
        self.routes.get(service).map(|route| Arc::clone(&route.channel))
    }

    pub(crate) fn channel_of_type(&self, service: TypeId) -> Option<Arc<ChannelInfo>> {
        self.by_type.get(&service).map(|route| Arc::clone(&route.channel))
    }
}

fn limiter_of((in_work, waiting): &(usize, usize)) -> Limiter {
    Limiter::new(*in_work, *waiting)
}

fn check_needs(parts: &Parts<'_>, faults: &mut ConfigFaults) {
    for registration in parts.registrations {
        for need in registration.definition.needs() {
            if let Err(error) = need.check(parts.binder) {
                faults.push(fault_of(registration, &error));
            }
        }
    }
}

fn fault_of(registration: &Registration, error: &Error) -> ConfigFault {
    let definition = &registration.definition;
    let place = definition.written_at().map(|(file, line)| format!(" ({file}:{line})")).unwrap_or_default();
    ConfigFault::new(format!("the service \"{}\"{place} can't be bound: {}", definition.name(), error.report()))
}

impl Route {
    fn new(definition: &Definition, bound: BoundService, parts: &Parts<'_>, limit: &LimitLayer) -> Self {
        let name = definition.name();
        let mine = |layer: &&UserLayer| layer.service.as_deref().is_none_or(|service| service == name);
        // The layer added first is the outermost, as in tower's builder; those of one service stand inside those of all.
        let (of_one, of_all): (Vec<_>, Vec<_>) =
            parts.layers.iter().filter(mine).partition(|layer| layer.service.is_some());
        let layered = of_one.iter().rev().chain(of_all.iter().rev()).fold(bound, |inner, layer| (layer.apply)(inner));
        let recorder = parts.recorders.get(name).cloned().unwrap_or_default();
        let layers = Layers { recorder, slow: (parts.slow)(name), limit: limit.clone() };
        let channel = Arc::new(ChannelInfo::new("invoke", "invoke", name));
        Self { service: layered, layers, channel, definition: Arc::new(definition.clone()) }
    }

    /// Returns the same for a channel with a limiter of its own.
    fn limited(&self, limiter: Arc<Limiter>) -> Self {
        let Layers { recorder, slow, limit } = &self.layers;
        let (recorder, limit) = (Arc::clone(recorder), limit.clone().with_channel(limiter));
        let layers = Layers { recorder, slow: *slow, limit };
        let (service, channel) = (self.service.clone(), Arc::clone(&self.channel));
        Self { service, layers, channel, definition: Arc::clone(&self.definition) }
    }

    fn call(&self, message: Message) -> BoxFuture<'static, Result<Reply>> {
        self.service.call_in_layers(message, &self.layers)
    }
}

/// The way to one service, which keeps its whole generation alive; so does every call that is in work.
struct Entrance {
    _router: Arc<Router>,
    route: Arc<Route>,
}

impl Intake for Entrance {
    fn take(&self, message: Message) -> BoxFuture<'static, Result<Reply>> {
        self.route.call(message)
    }

    fn takes_stream(&self) -> bool {
        self.route.definition.input().takes_stream()
    }

    fn takes_delivery(&self) -> bool {
        self.route.definition.takes_delivery()
    }

    fn needs_delivery(&self) -> bool {
        self.route.definition.needs_delivery()
    }

    fn served(&self) -> Option<Served<'_>> {
        Some(self.route.definition.served())
    }

    fn takes_model(&self) -> bool {
        self.route.definition.input().is_model()
    }

    fn gives_model(&self) -> bool {
        self.route.definition.output().is_model()
    }
}

impl Inlets for Arc<Router> {
    fn inlet(&self, service: &str) -> Option<Inlet> {
        self.inlet_of(service)
    }

    fn limited_inlet(&self, service: &str, places: Places<'_>) -> Option<Inlet> {
        let Places { section, channel, in_work, waiting } = places;
        let limiter = self.limiters.get_or_make(section, channel, (in_work, waiting), limiter_of);
        let route = Arc::new(self.routes.get(service)?.limited(limiter));
        Some(Inlet::new(Arc::new(Entrance { _router: Self::clone(self), route })))
    }
}

impl Dispatch for Router {
    fn dispatch(
        &self,
        target: Target<'_>,
        payload: Payload,
        from: &Head,
        via: Option<Via>,
    ) -> Result<BoxFuture<'static, Result<Reply>>> {
        let route = self.route_of(&target)?;
        let message = match via {
            None => Message::invoked(from, Arc::clone(&route.channel), payload),
            Some(via) => self.detached(from, route, payload, via),
        };
        Ok(route.call(message))
    }

    fn check(&self, target: &Target<'_>) -> Result<()> {
        self.route_of(target).map(drop)
    }

    fn background(&self) -> Result<InBackground> {
        let background = self.background.upgrade().ok_or_else(|| Error::unavailable("the app has stopped"))?;
        Ok(InBackground { background, max: self.max_background_tasks })
    }
}

impl Router {
    fn route_of(&self, target: &Target<'_>) -> Result<&Route> {
        let route = match target {
            Target::Type(type_id, name) => self.by_type.get(type_id).ok_or_else(|| {
                Error::internal(format!("the service {name} is not part of the app; add it to `services![...]`"))
            })?,
            Target::Name(name) => self
                .routes
                .get(*name)
                .ok_or_else(|| Error::internal(listing("service", name, self.routes.keys().map(String::as_str))))?,
        };
        Ok(route)
    }

    /// Makes the message of a service that is invoked in the background.
    fn detached(&self, from: &Head, route: &Route, payload: Payload, via: Via) -> Message {
        let mut channel = ChannelInfo::new(via.kind, via.kind, route.channel.service.as_str());
        channel.timeout = via.timeout.unwrap_or(self.request_timeout);
        let mut message = Message::invoked(from, Arc::new(channel), payload);
        message.head.is_detached = true;
        message
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.routes.keys().collect();
        names.sort();
        f.debug_tuple("Router").field(&names).finish()
    }
}
