//! Which channel answers a path and a method.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderValue, Method};
use matchit::{InsertError, Router};
use zato_core::{
    ambient::Ambient,
    channel::{Inlet, Plan},
    config::{ConfigFault, ConfigFaults, ErrorFormat, ProxyProtocol, ServerConfig},
    message::{ChannelInfo, Format},
    rate::RateLimiter,
    security::Verifier,
};

use crate::{
    access::AccessLog,
    config::{HttpChannelConfig, METHODS},
    content::{Content, compression},
    edge::Edge,
    entry::{self, Entry},
    forwarded::Proxies,
    limits::Limits,
    meter::Meter,
    negotiate::Negotiation,
    response_cache::ResponseCache,
    soap,
    tls::Tls,
};

/// Everything that a request is served with, made for one configuration and replaced as a whole.
pub(crate) struct Table {
    router: Router<Resource>,
    /// Whether any channel speaks SOAP.
    pub(crate) has_soap: bool,
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
    /// Those that speak SOAP, which take what is posted.
    soap: Vec<Entry>,
    endpoint: Option<Arc<soap::Endpoint>>,
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
    /// Where its replies are kept to be given again, if they are.
    pub(crate) response_cache: Option<Box<ResponseCache>>,
    pub(crate) meter: Arc<Meter>,
    /// What it answers, if it speaks SOAP.
    #[cfg(feature = "soap")]
    pub(crate) operation: Option<Box<soap::Operation>>,
    pub(crate) names: Vec<Arc<str>>,
}

/// The values that a path gives to the parameters of a channel.
pub(crate) type PathParams = Vec<(Arc<str>, String)>;

/// What is at a path.
pub(crate) enum Found {
    Route(Arc<Route>, PathParams),
    /// Channels that speak SOAP, of which more than the path decides, and the values of the path.
    Soap(Arc<soap::Endpoint>, Vec<String>),
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
            has_soap: false,
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
        plan: &Plan<'_, HttpChannelConfig>,
        edge: &Edge,
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
            if let Some(fault) = entry::unasked(config, origin, plan).filter(|_| !is_nested) {
                faults.push(fault);
            }
            let Some((shape, entry)) = faults.keep(entry::read(config, origin, plan, edge)) else { continue };
            let position = *positions.entry(shape.clone()).or_insert_with(|| {
                resources.push((shape, Resource::default()));
                resources.len() - 1
            });
            if let Some((_, resource)) = resources.get_mut(position) {
                resource.add(config, &entry, &mut faults);
            }
        }
        for (_, resource) in &mut resources {
            resource.settle_soap(&mut faults);
        }
        let has_soap = resources.iter().any(|(_, resource)| resource.endpoint.is_some());
        let router = router_of(resources, &mut faults);
        let section = ServerConfig::SECTION.name;
        let rate_limiter = plan.rate_limiters.limiter(section, "", &plan.server.rate_limiting);
        faults.into_result(Self { rate_limiter, has_soap, ..Self::with(router, plan.server, plan.ambient.clone()) })
    }

    /// Whether a channel at the root lets everybody in.
    pub(crate) fn is_open(&self) -> bool {
        let root = self.router.at("/").ok();
        root.and_then(|root| root.value.route(&Method::GET)).is_some_and(|route| route.verifier.is_none())
    }

    /// Finds the channels that speak SOAP at a path, which is decoded.
    pub(crate) fn soap_at(&self, path: &str) -> Option<&Arc<soap::Endpoint>> {
        self.router.at(path).ok()?.value.endpoint.as_ref()
    }

    /// Finds what answers; `path` is decoded.
    pub(crate) fn find(&self, path: &str, method: &Method) -> Found {
        let Ok(matched) = self.router.at(path) else { return Found::Nothing };
        let resource = matched.value;
        if let Some(endpoint) = resource.endpoint.as_ref().filter(|_| *method == Method::POST) {
            let values = matched.params.iter().map(|(_, value)| value.to_owned()).collect();
            return Found::Soap(Arc::clone(endpoint), values);
        }
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
    fn add(&mut self, config: &HttpChannelConfig, entry: &Entry, faults: &mut ConfigFaults) {
        if entry.info.format == Format::Soap {
            self.soap.push(entry.clone());
            return;
        }
        let config = &config.http;
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
        self.by_method.iter().map(|(_, entry)| entry).chain(&self.of_any).chain(&self.soap)
    }

    /// Makes one thing of the channels that speak SOAP, which take what is posted; a channel for every method leaves that
    /// to them.
    fn settle_soap(&mut self, faults: &mut ConfigFaults) {
        self.endpoint = soap::Endpoint::of(&self.soap, faults).map(Arc::new);
        let posted = self.by_method.iter().find(|(method, entry)| *method == Method::POST && entry.route.is_some());
        if let (Some(of_soap), Some((_, other))) = (self.soap.iter().find(|entry| entry.route.is_some()), posted) {
            let message = format!(
                "the channel \"{}\" and the SOAP channel \"{}\" (at {}) both answer POST {}",
                other.info.name,
                of_soap.info.name,
                of_soap.origin,
                other.info.route.as_deref().unwrap_or_default()
            );
            faults.push(ConfigFault::at(&other.origin, message));
        }
    }

    /// Lists the methods that are allowed (RFC 9110 §10.2.1).
    fn allow(&self) -> HeaderValue {
        let is_posted = |method: &Method| self.endpoint.is_some() && *method == Method::POST;
        let is_allowed =
            |method: &&Method| **method == Method::OPTIONS || self.route(method).is_some() || is_posted(method);
        let names: Vec<&str> = METHODS.iter().filter(is_allowed).map(Method::as_str).collect();
        HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
    }
}

/// Whether a channel for every method answers this one.
fn is_of_any(method: &Method) -> bool {
    *method != Method::OPTIONS && METHODS.contains(method)
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
