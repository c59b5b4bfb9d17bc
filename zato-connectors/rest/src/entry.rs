//! From an entry of a section to a channel that is ready to serve.

use std::sync::Arc;

use zato_core::{
    channel::{Inlet, Places, Plan},
    config::{ClientCertificates, ConfigFault, Origin, ServerConfig, TlsConfig},
    message::{ChannelInfo, Format},
    security::{self, Verifier},
};

#[cfg(feature = "soap")]
use crate::soap;
use crate::{
    config::{HttpChannelConfig, SECTION},
    content::Content,
    edge::Edge,
    negotiate::Negotiation,
    path::Pattern,
    response_cache::ResponseCache,
    table::Route,
};

/// A channel as it is configured.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) info: Arc<ChannelInfo>,
    pub(crate) origin: Origin,
    /// `None` if the channel is inactive.
    pub(crate) route: Option<Arc<Route>>,
}

/// Works out what an entry means, and under which path.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub(crate) fn read(
    entry: &HttpChannelConfig,
    origin: &Origin,
    plan: &Plan<'_, HttpChannelConfig>,
    edge: &Edge,
) -> Result<(String, Entry), ConfigFault> {
    let config = &entry.http;
    let unusable = |fault: String| ConfigFault::at(origin, format!("the url_path \"{}\" {fault}", config.url_path));
    let pattern = Pattern::parse(&config.url_path).map_err(unusable)?;
    if pattern.shape == "/zato" || pattern.shape.starts_with("/zato/") {
        return Err(unusable("starts with \"/zato\", which is kept for channels of the framework".to_owned()));
    }
    check(entry, origin)?;
    let verifier = verifier_of(entry, origin, plan)?;
    let caller_rate_limiter = verifier.as_ref().map(Verifier::definition).and_then(|definition| {
        plan.rate_limiters.limiter(security::SECTION.name, definition.name(), definition.rate_limiting())
    });
    let server = plan.server;
    let content = Content::of(config, server).map_err(|fault| entry.fault(origin, &fault))?;
    let info = Arc::new(info_of(entry, server));
    // Also those of a channel that is inactive: what they have counted is there again when it is activated.
    let rate_limiter = plan.rate_limiters.limiter(entry.section(), &config.name, &config.rate_limiting);
    let inlet = inlet_of(entry, plan);
    check_service(entry, inlet.as_ref(), origin)?;
    let inlet = inlet.filter(|_| config.is_active);
    let meter = edge.meters.of(&config.name, &config.url_path);
    let response_cache = ResponseCache::of(config, origin, plan, edge, &meter)?.map(Box::new);
    let route = inlet.map(|inlet| Route {
        info: Arc::clone(&info),
        // An envelope is read before anybody knows what to do with it.
        takes_stream: inlet.takes_stream() && config.data_format != Format::Soap,
        negotiation: (config.data_format == Format::Negotiate).then(|| Negotiation::of(&inlet)),
        inlet,
        rate_limiter,
        verifier,
        caller_rate_limiter,
        max_body_size: config.max_body_size.unwrap_or(server.max_body_size).as_usize(),
        body_timeout: server.body_timeout.0,
        content,
        response_cache,
        meter,
        #[cfg(feature = "soap")]
        operation: soap::Operation::of(entry, edge).map(Box::new),
        names: pattern.names,
    });
    Ok((pattern.shape, Entry { info, origin: origin.clone(), route: route.map(Arc::new) }))
}

/// Says of a channel what its messages are told.
fn info_of(entry: &HttpChannelConfig, server: &ServerConfig) -> ChannelInfo {
    let config = &entry.http;
    let kind = if config.data_format == Format::Soap { "soap" } else { "rest" };
    let mut info = ChannelInfo::new(kind, config.name.as_str(), config.service.as_str());
    info.format = config.data_format;
    info.options.xml = config.xml.clone();
    info.options.csv = config.csv.clone();
    info.options.form = config.form.options();
    info.route = Some(config.url_path.clone());
    info.timeout = config.timeout.unwrap_or(server.request_timeout).0;
    info.params = config.merge_url_params_req.then_some(config.params_pri);
    info.url_params = config.url_params_pri;
    info
}

/// Finds what tells who calls a channel.
fn verifier_of(
    entry: &HttpChannelConfig,
    origin: &Origin,
    plan: &Plan<'_, HttpChannelConfig>,
) -> Result<Option<Verifier>, ConfigFault> {
    let Some(name) = entry.http.security() else { return Ok(None) };
    #[cfg(feature = "soap")]
    if entry.soap.is_some() {
        return plan.securities.soap_verifier(name, origin).map(Some);
    }
    plan.securities.verifier(name, origin).map(Some)
}

/// Finds the way to the service of a channel, through the places that the channel has.
fn inlet_of(entry: &HttpChannelConfig, plan: &Plan<'_, HttpChannelConfig>) -> Option<Inlet> {
    let config = &entry.http;
    let Some(in_work) = config.max_concurrent_requests else { return plan.inlets.inlet(&config.service) };
    let waiting = config.max_queued_requests.unwrap_or(plan.server.max_queued_requests);
    plan.inlets
        .limited_inlet(&config.service, Places { section: entry.section(), channel: &config.name, in_work, waiting })
}

/// Refuses a service that settles messages of a broker, of which there are none here.
fn check_service(entry: &HttpChannelConfig, inlet: Option<&Inlet>, origin: &Origin) -> Result<(), ConfigFault> {
    if !inlet.is_some_and(Inlet::needs_delivery) {
        return Ok(());
    }
    let message = format!(
        "the service \"{}\" settles messages of a broker itself and can't be called over HTTP; name another one, or have \
         it take an `Option<Delivery>`",
        entry.http.service
    );
    Err(ConfigFault::at(origin, message))
}

/// Finds what no channel can mean.
fn check(entry: &HttpChannelConfig, origin: &Origin) -> Result<(), ConfigFault> {
    let config = &entry.http;
    if let Some(fault) = unreadable(entry) {
        return Err(entry.fault(origin, &fault));
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
fn unreadable(entry: &HttpChannelConfig) -> Option<String> {
    match entry.http.data_format {
        Format::Soap if entry.section() == SECTION.name => {
            Some("has data_format soap, which channels of \"channel_soap\" speak".to_owned())
        }
        format if !format.is_built_in() => Some(format!(
            "has data_format {format}, which this program was built without; enable the feature \"{format}\" of zato"
        )),
        _ => entry.http.csv.fault().map(|fault| format!("can't have its csv: {fault}")),
    }
}

/// Says that a channel wants client certificates that its listener doesn't ask for. A server around us may ask for them.
pub(crate) fn unasked(
    entry: &HttpChannelConfig,
    origin: &Origin,
    plan: &Plan<'_, HttpChannelConfig>,
) -> Option<ConfigFault> {
    let name = entry.http.security()?;
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
