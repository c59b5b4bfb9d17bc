//! Which channel answers a path and a method.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderValue, Method};
use matchit::{InsertError, Router};
use zato_core::{
    ambient::Ambient,
    channel::{Inlet, Places, Plan},
    config::{
        ClientCertificates, ConfigFault, ConfigFaults, ErrorFormat, Origin, ProxyProtocol, ServerConfig, TlsConfig,
    },
    message::{ChannelInfo, Format},
    rate::RateLimiter,
    security::{self, Verifier},
};

use crate::{
    access::AccessLog,
    config::{METHODS, RestChannelConfig, SECTION},
    content::{Content, compression},
    forwarded::Proxies,
    limits::Limits,
    meter::{Meter, Meters},
    negotiate::Negotiation,
    path::Pattern,
    tls::Tls,
};

/// Everything that a request is served with, made for one configuration and replaced as a whole.
pub(crate) struct Table {
    router: Router<Resource>,
    pub(crate) error_format: ErrorFormat,
    pub(crate) ambient: Ambient,
    /// What limits every request.
    pub(crate) rate_limiter: Option<Arc<RateLimiter>>,
    pub(crate) limits: Limits,
    pub(crate) proxies: Option<Proxies>,
    /// Whether connections begin with a header of the PROXY protocol.
    pub(crate) is_proxied: bool,
    /// How connections speak TLS, if they do.
    pub(crate) tls: Option<Tls>,
    pub(crate) access_log: Option<AccessLog>,
}

/// The channels of one path.
#[derive(Clone, Default)]
struct Resource {
    by_method: Vec<(Method, Entry)>,
    of_any: Option<Entry>,
}

/// A channel as it is configured.
#[derive(Clone)]
struct Entry {
    info: Arc<ChannelInfo>,
    origin: Origin,
    /// `None` if the channel is inactive.
    route: Option<Arc<Route>>,
}

/// A channel, ready to serve.
pub(crate) struct Route {
    pub(crate) info: Arc<ChannelInfo>,
    pub(crate) inlet: Inlet,
    /// Whether the service reads the body itself.
    pub(crate) takes_stream: bool,
    /// What there is to negotiate, on a channel that does.
    pub(crate) negotiation: Option<Negotiation>,
    /// What limits the requests of this channel.
    pub(crate) rate_limiter: Option<Arc<RateLimiter>>,
    pub(crate) verifier: Option<Verifier>,
    /// What limits the requests of those who satisfy the verifier's definition, through whatever channel.
    pub(crate) caller_rate_limiter: Option<Arc<RateLimiter>>,
    pub(crate) max_body_size: usize,
    pub(crate) body_timeout: Duration,
    /// What is done to its replies.
    pub(crate) content: Content,
    pub(crate) meter: Arc<Meter>,
    names: Vec<Arc<str>>,
}

/// The values that a path gives to the parameters of a channel.
pub(crate) type PathParams = Vec<(Arc<str>, String)>;

/// What is at a path.
pub(crate) enum Found {
    Route(Arc<Route>, PathParams),
    /// Something, but not for this method; these are allowed.
    Methods(HeaderValue),
    /// Asked by `OPTIONS` what is allowed.
    Options(HeaderValue),
    Nothing,
}

impl Table {
    /// A table without channels, before any configuration was applied.
    pub(crate) fn empty() -> Self {
        Self::with(Router::new(), &ServerConfig::default(), Ambient::default())
    }

    fn with(router: Router<Resource>, server: &ServerConfig, ambient: Ambient) -> Self {
        Self {
            router,
            error_format: server.error_format,
            ambient,
            rate_limiter: None,
            limits: Limits::new(server),
            proxies: Proxies::new(server),
            is_proxied: server.proxy_protocol == ProxyProtocol::On,
            tls: None,
            access_log: AccessLog::of(&server.access_log),
        }
    }

    /// Makes the table of a configuration, for a listener of ours or for a server around us.
    ///
    /// # Errors
    ///
    /// Every path that can't be used, every two that can't be told apart, every unknown security definition.
    pub(crate) fn build(
        plan: &Plan<'_, RestChannelConfig>,
        meters: &Meters,
        is_nested: bool,
    ) -> Result<Self, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        let mut resources: Vec<(String, Resource)> = Vec::new();
        let mut positions: HashMap<String, usize> = HashMap::new();
        let compression = plan.server_node.and_then(|server| server.get("compression"));
        if let Some(node) = compression.filter(|_| !compression::IS_BUILT_IN) {
            faults.push(ConfigFault::at(&node.origin, format!("\"compression\" {}", compression::REMEDY)));
        }
        for (config, origin) in plan.entries {
            if let Some(fault) = unasked(config, origin, plan).filter(|_| !is_nested) {
                faults.push(fault);
            }
            let Some((shape, entry)) = faults.keep(entry_of(config, origin, plan, meters)) else { continue };
            let position = *positions.entry(shape.clone()).or_insert_with(|| {
                resources.push((shape, Resource::default()));
                resources.len() - 1
            });
            if let Some((_, resource)) = resources.get_mut(position) {
                resource.add(config, &entry, &mut faults);
            }
        }
        let router = router_of(resources, &mut faults);
        let section = ServerConfig::SECTION.name;
        let rate_limiter = plan.rate_limiters.limiter(section, "", &plan.server.rate_limiting);
        faults.into_result(Self { rate_limiter, ..Self::with(router, plan.server, plan.ambient.clone()) })
    }

    /// Whether a channel at the root lets everybody in.
    pub(crate) fn is_open(&self) -> bool {
        let root = self.router.at("/").ok();
        root.and_then(|root| root.value.route(&Method::GET)).is_some_and(|route| route.verifier.is_none())
    }

    /// Finds what answers; `path` is decoded.
    pub(crate) fn find(&self, path: &str, method: &Method) -> Found {
        let Ok(matched) = self.router.at(path) else { return Found::Nothing };
        let resource = matched.value;
        match resource.route(method) {
            Some(route) => {
                let values = matched.params.iter().map(|(_, value)| value.to_owned());
                Found::Route(Arc::clone(route), route.names.iter().cloned().zip(values).collect())
            }
            None if resource.is_inactive(method) => Found::Nothing,
            None if *method == Method::OPTIONS => Found::Options(resource.allow()),
            None => Found::Methods(resource.allow()),
        }
    }
}

impl Resource {
    /// Adds a channel. Of two for one method the active one counts; two active ones clash.
    fn add(&mut self, config: &RestChannelConfig, entry: &Entry, faults: &mut ConfigFaults) {
        let mut settle = |with: &mut Entry, method: &str| {
            if with.route.is_none() {
                *with = entry.clone();
            }
            if entry.route.is_none() || Arc::ptr_eq(&with.info, &entry.info) {
                return;
            }
            let message = format!(
                "the channels \"{}\" and \"{}\" (at {}) both answer {method} {}",
                config.name, with.info.name, with.origin, config.url_path
            );
            faults.push(ConfigFault::at(&entry.origin, message));
        };
        if config.method.is_empty() {
            match &mut self.of_any {
                Some(with) => settle(with, "every method of"),
                None => self.of_any = Some(entry.clone()),
            }
        }
        for method in &config.method {
            match self.by_method.iter_mut().find(|(known, _)| known == method) {
                Some((_, with)) => settle(with, method.as_str()),
                None => self.by_method.push((method.clone(), entry.clone())),
            }
        }
    }

    /// Finds the active channel of a method: its own, for `HEAD` that of `GET`, or the one for every method. What
    /// `OPTIONS` asks is answered by us, unless a channel names it.
    fn route(&self, method: &Method) -> Option<&Arc<Route>> {
        let named = |wanted: &Method| self.named(wanted).and_then(|entry| entry.route.as_ref());
        let of_get = || if *method == Method::HEAD { named(&Method::GET) } else { None };
        let of_any = || self.of_any.as_ref().filter(|_| is_of_any(method)).and_then(|entry| entry.route.as_ref());
        named(method).or_else(of_get).or_else(of_any)
    }

    fn named(&self, method: &Method) -> Option<&Entry> {
        self.by_method.iter().find(|(known, _)| known == method).map(|(_, entry)| entry)
    }

    /// Whether channels of a method that has no active one are there at all, or none of this path is active.
    fn is_inactive(&self, method: &Method) -> bool {
        let of_get = || *method == Method::HEAD && self.named(&Method::GET).is_some();
        let of_any = || is_of_any(method) && self.of_any.is_some();
        self.named(method).is_some() || of_get() || of_any() || self.entries().all(|entry| entry.route.is_none())
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.by_method.iter().map(|(_, entry)| entry).chain(&self.of_any)
    }

    /// Lists the methods that are allowed (RFC 9110 §10.2.1).
    fn allow(&self) -> HeaderValue {
        let is_allowed = |method: &&Method| **method == Method::OPTIONS || self.route(method).is_some();
        let names: Vec<&str> = METHODS.iter().filter(is_allowed).map(Method::as_str).collect();
        HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
    }
}

/// Whether a channel for every method answers this one.
fn is_of_any(method: &Method) -> bool {
    *method != Method::OPTIONS && METHODS.contains(method)
}

fn entry_of(
    config: &RestChannelConfig,
    origin: &Origin,
    plan: &Plan<'_, RestChannelConfig>,
    meters: &Meters,
) -> Result<(String, Entry), ConfigFault> {
    let unusable = |fault: String| ConfigFault::at(origin, format!("the url_path \"{}\" {fault}", config.url_path));
    let pattern = Pattern::parse(&config.url_path).map_err(unusable)?;
    if pattern.shape == "/zato" || pattern.shape.starts_with("/zato/") {
        return Err(unusable("starts with \"/zato\", which is kept for channels of the framework".to_owned()));
    }
    check(config, origin)?;
    let verifier = config.security().map(|name| plan.securities.verifier(name, origin)).transpose()?;
    let caller_rate_limiter = verifier.as_ref().map(Verifier::definition).and_then(|definition| {
        plan.rate_limiters.limiter(security::SECTION.name, definition.name(), definition.rate_limiting())
    });
    let server = plan.server;
    let content = Content::of(config, server)
        .map_err(|fault| ConfigFault::at(origin, format!("the channel \"{}\" {fault}", config.name)))?;
    let mut info = ChannelInfo::new("rest", config.name.as_str(), config.service.as_str());
    info.format = config.data_format;
    info.options.xml = config.xml.clone();
    info.options.csv = config.csv.clone();
    info.options.form = config.form.options();
    info.route = Some(config.url_path.clone());
    info.timeout = config.timeout.unwrap_or(server.request_timeout).0;
    info.params = config.merge_url_params_req.then_some(config.params_pri);
    info.url_params = config.url_params_pri;
    let info = Arc::new(info);
    // Also those of a channel that is inactive: what they have counted is there again when it is activated.
    let rate_limiter = plan.rate_limiters.limiter(SECTION.name, &config.name, &config.rate_limiting);
    let inlet = inlet_of(config, plan).filter(|_| config.is_active);
    let route = inlet.map(|inlet| Route {
        info: Arc::clone(&info),
        takes_stream: inlet.takes_stream(),
        negotiation: (config.data_format == Format::Negotiate).then(|| Negotiation::of(&inlet)),
        inlet,
        rate_limiter,
        verifier,
        caller_rate_limiter,
        max_body_size: config.max_body_size.unwrap_or(server.max_body_size).as_usize(),
        body_timeout: server.body_timeout.0,
        content,
        meter: meters.of(&config.name, &config.url_path),
        names: pattern.names,
    });
    Ok((pattern.shape, Entry { info, origin: origin.clone(), route: route.map(Arc::new) }))
}

/// Finds the way to the service of a channel, through the places that the channel has.
fn inlet_of(config: &RestChannelConfig, plan: &Plan<'_, RestChannelConfig>) -> Option<Inlet> {
    let Some(in_work) = config.max_concurrent_requests else { return plan.inlets.inlet(&config.service) };
    let waiting = config.max_queued_requests.unwrap_or(plan.server.max_queued_requests);
    plan.inlets
        .limited_inlet(&config.service, Places { section: SECTION.name, channel: &config.name, in_work, waiting })
}

/// Finds what no channel can mean.
fn check(config: &RestChannelConfig, origin: &Origin) -> Result<(), ConfigFault> {
    if let Some(fault) = unreadable(config) {
        return Err(ConfigFault::at(origin, format!("the channel \"{}\" {fault}", config.name)));
    }
    let fault = match (config.max_concurrent_requests, config.max_queued_requests) {
        _ if config.timeout.is_some_and(|timeout| timeout.is_zero()) => "the timeout {} is 0, which no request meets",
        (Some(0), _) => "the max_concurrent_requests {} is 0, which lets no request in; write \"is_active: false\"",
        (None, Some(_)) => "the max_queued_requests {} means nothing without a max_concurrent_requests",
        _ => return Ok(()),
    };
    Err(ConfigFault::at(origin, fault.replace("{}", &format!("of the channel \"{}\"", config.name))))
}

/// Says why a channel can't speak its format.
fn unreadable(config: &RestChannelConfig) -> Option<String> {
    match config.data_format {
        Format::Soap => Some("has data_format soap, which channels of \"channel_soap\" speak".to_owned()),
        format if !format.is_built_in() => Some(format!(
            "has data_format {format}, which this program was built without; enable the feature \"{format}\" of zato"
        )),
        _ => config.csv.fault().map(|fault| format!("can't have its csv: {fault}")),
    }
}

/// Says that a channel wants client certificates that its listener doesn't ask for. A server around us may ask for them.
fn unasked(config: &RestChannelConfig, origin: &Origin, plan: &Plan<'_, RestChannelConfig>) -> Option<ConfigFault> {
    let name = config.security()?;
    let asks = |tls: &TlsConfig| tls.client_certificates() != ClientCertificates::None;
    let definition = plan.securities.get(name, origin).ok()?;
    if !definition.needs_certificate() || plan.server.tls.as_ref().is_some_and(asks) {
        return None;
    }
    let remedy = "add server.tls.client_ca, the file of the authority that signs them";
    let message =
        format!("the security definition \"{name}\" needs client certificates, which nobody asks for; {remedy}");
    Some(ConfigFault::at(origin, message))
}

fn router_of(resources: Vec<(String, Resource)>, faults: &mut ConfigFaults) -> Router<Resource> {
    let mut router = Router::new();
    let known = resources.clone();
    for (shape, resource) in resources {
        let Some(entry) = resource.entries().next().cloned() else { continue };
        let Err(error) = router.insert(&shape, resource) else { continue };
        let (name, path) = (&entry.info.name, entry.info.route.as_deref().unwrap_or_default());
        let message = match error {
            InsertError::Conflict { with } => {
                let other =
                    known.iter().find(|(shape, _)| *shape == with).and_then(|(_, known)| known.entries().next());
                let other = other.map_or_else(
                    || format!("the path {with}"),
                    |other| {
                        let path = other.info.route.as_deref().unwrap_or_default();
                        format!("{path} of the channel \"{}\" (at {})", other.info.name, other.origin)
                    },
                );
                format!("the url_path {path} of the channel \"{name}\" can't be told apart from {other}")
            }
            other => format!("the url_path {path} of the channel \"{name}\" can't be used: {other}"),
        };
        faults.push(ConfigFault::at(&entry.origin, message));
    }
    router
}
