use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Url, redirect::Policy};
use tracing::warn;
use zato_core::{
    Error, Result,
    ambient::Ambient,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    metrics::Exposition,
    security::OutgoingCredentials,
};

use super::{
    client::{RestClient, Settings},
    config::{HttpVersion, RestConfig},
    credentials::{Presented, TokenEndpoint, tokens},
    error, stack,
    tls::{self, Tls},
    transport::{Make, Transport},
};
use crate::config::OUTGOING;

/// The connector of `outgoing_rest`.
#[derive(Debug)]
pub struct RestConnector;

/// A connection of `outgoing_rest` whose configuration was found to be usable.
pub struct PreparedRest {
    config: Arc<RestConfig>,
    settings: Arc<Settings>,
    ambient: Ambient,
    tls: Tls,
    credentials: Option<OutgoingCredentials>,
    /// Where the tokens are fetched, if the credentials are some.
    token_endpoint: Option<TokenEndpoint>,
}

impl fmt::Debug for PreparedRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRest").field("connection", &self.config.name).finish_non_exhaustive()
    }
}

impl Connector for RestConnector {
    const SECTION: SectionName = OUTGOING;
    type Config = RestConfig;
    type Prepared = PreparedRest;
    type Client = RestClient;

    fn prepare(setup: Setup<'_, RestConfig>) -> Result<PreparedRest, ConfigFaults> {
        let mut faults = ConfigFaults::new();
        for (key, words) in setup.config.out_of_range() {
            faults.push(setup.fault(key, words));
        }
        if let Some(Err(words)) = setup.config.proxy() {
            faults.push(setup.fault("proxy", words));
        }
        if setup.config.ping_path.as_deref().is_some_and(|path| !path.starts_with('/')) {
            faults.push(setup.fault("ping_path", "expected a path that begins with a slash, such as /health"));
        }
        faults.extend(stack::faults(&setup));
        let tls = tls::of_partner(&setup).map_err(|found| faults.extend(found)).ok();
        let credentials = setup.security.as_deref().map(OutgoingCredentials::of).transpose();
        let credentials = faults.keep(credentials.map_err(|words| setup.fault("security", words))).flatten();
        let token_endpoint = match &credentials {
            Some(OutgoingCredentials::Token(request)) => {
                let tls = tls::of_token_endpoint(&setup, request).map_err(|found| faults.extend(found)).ok();
                tls.map(|tls| TokenEndpoint { request: Arc::clone(request), tls })
            }
            _ => None,
        };
        let Some(tls) = tls else { return Err(faults) };
        faults.into_result(())?;
        let (config, ambient) = (Arc::new(setup.config), setup.ambient.clone());
        let settings = Arc::new(settings_of(&config));
        Ok(PreparedRest { config, settings, ambient, tls, credentials, token_endpoint })
    }

    async fn connect(prepared: &PreparedRest) -> Result<RestClient> {
        prepared.connected(Self::SECTION)
    }

    /// Any answer is a sign of life, but one that says that the partner is broken.
    async fn ping(client: &RestClient) -> Result<()> {
        let ping = client.ping().await?;
        if ping.status.is_server_error() {
            return Err(Error::upstream(format!("the partner answered {}", ping.status)));
        }
        Ok(())
    }

    fn metrics(client: &RestClient, labels: &[(&'static str, &str)], exposition: &mut Exposition) {
        client.metrics(labels, exposition);
    }
}

impl PreparedRest {
    /// Makes the client of a connection that stands in a section.
    pub(super) fn connected(&self, section: SectionName) -> Result<RestClient> {
        let config = &self.config;
        if !config.tls_verify && self.speaks_tls() {
            warn!(
                section = section.name,
                connection = config.name,
                "tls_verify is false: the certificate of the other side is not checked, and anybody in between can read \
                 and change everything"
            );
        }
        self.client(Transport::new(self.make(), config.max_connection_age.into())?)
    }

    /// Whether what is presented to us is there to be checked.
    fn speaks_tls(&self) -> bool {
        let fetches = |endpoint: &TokenEndpoint| endpoint.request.is_tls() && endpoint.request.tls().is_none();
        self.config.host.is_tls() || self.token_endpoint.as_ref().is_some_and(fetches)
    }

    /// Returns what makes the network's client, as often as that is needed.
    fn make(&self) -> Box<Make> {
        let (config, tls) = (Arc::clone(&self.config), self.tls.clone());
        Box::new(move || build(&config, &tls))
    }

    /// Makes a client that calls over a transport.
    fn client(&self, transport: Transport) -> Result<RestClient> {
        let of = (&*self.config, Arc::clone(&self.settings));
        Ok(RestClient::new(of, self.ambient.clone(), transport, presented(self)?))
    }

    #[cfg(feature = "testing")]
    pub(super) fn config(&self) -> &RestConfig {
        &self.config
    }

    /// Makes a client that calls no network but a partner of the test kit.
    #[cfg(feature = "testing")]
    pub(super) fn faked(&self, partner: Arc<super::testing::Script>) -> Result<RestClient> {
        self.client(Transport::new(self.make(), self.config.max_connection_age.into())?.with_partner(partner))
    }
}

/// What the calls of a connection present; tokens are fetched for each connection on its own.
fn presented(prepared: &PreparedRest) -> Result<Presented> {
    let PreparedRest { config, credentials, token_endpoint, ambient, .. } = prepared;
    Ok(match (credentials, token_endpoint) {
        (None, _) => Presented::Nothing,
        (Some(OutgoingCredentials::Header(name, value)), _) => Presented::Header(name.clone(), value.clone()),
        (Some(OutgoingCredentials::Token(_)), Some(endpoint)) => {
            let builder = proxied(reqwest::Client::builder().connect_timeout(config.connect_timeout.into()), config)?;
            Presented::Token(tokens(endpoint, builder, ambient.clone())?)
        }
        (Some(other), _) => Presented::Refused(other.clone()),
    })
}

fn settings_of(config: &RestConfig) -> Settings {
    let RestConfig { host, url_path, .. } = config;
    let path = url_path.as_str();
    let ping_path = match &config.ping_path {
        Some(path) => path.as_str(),
        None if url_path.is_constant() => path,
        None => "/",
    };
    Settings {
        name: config.name.as_str().into(),
        host: host.clone(),
        template: url_path.clone(),
        constant: url_path.is_constant().then(|| host.join(path)),
        data_format: config.data_format,
        content_type: config.content_type.clone(),
        timeout: config.timeout.into(),
        max_response_size: config.max_response_size.as_usize(),
        ping: (config.ping_method.clone(), host.join(ping_path)),
        follows_redirects: config.max_redirects > 0,
    }
}

/// Makes the client. Each section of the configuration has its own function.
fn build(config: &RestConfig, tls: &Tls) -> Result<reqwest::Client> {
    // What is tried again, and how often, is decided by the layer of retries alone.
    let builder = reqwest::Client::builder().retry(reqwest::retry::never());
    let builder = builder.default_headers(headers(config)).referer(false);
    let builder = pool(builder, config);
    let builder = signs_of_life(version(builder, config.http_version), config);
    let builder = redirects(builder, config.max_redirects);
    let builder = tls::configure(builder, tls, config.http_version);
    proxied(builder, config)?.build().map_err(error::of)
}

/// A header of a call's own takes the place of one of these.
pub(super) fn headers(config: &RestConfig) -> HeaderMap {
    let mut headers: HeaderMap = config.headers.iter().cloned().collect();
    let agent = HeaderValue::from_static(concat!("zato/", env!("CARGO_PKG_VERSION")));
    headers.entry(header::USER_AGENT).or_insert(agent);
    if let Some(accept) = &config.http_accept {
        headers.insert(header::ACCEPT, accept.clone());
    }
    headers
}

fn pool(builder: reqwest::ClientBuilder, config: &RestConfig) -> reqwest::ClientBuilder {
    builder
        .pool_max_idle_per_host(config.pool_size)
        .pool_idle_timeout(Duration::from(config.idle_timeout))
        .connect_timeout(config.connect_timeout.into())
        .tcp_nodelay(true)
}

fn version(builder: reqwest::ClientBuilder, version: HttpVersion) -> reqwest::ClientBuilder {
    match version {
        HttpVersion::Auto => builder,
        HttpVersion::Http1 => builder.http1_only(),
        HttpVersion::Http2 => builder.http2_prior_knowledge(),
    }
}

/// All calls to a partner share one connection of HTTP/2, and a call that takes too long does not end it: if the network
/// lost it without telling anybody, every later call would go there, too. So it has to answer a ping now and then
/// (RFC 9113 §6.7).
fn signs_of_life(builder: reqwest::ClientBuilder, config: &RestConfig) -> reqwest::ClientBuilder {
    let timeout = Duration::from(config.timeout);
    builder
        .http2_keep_alive_interval(timeout.clamp(SIGN_OF_LIFE.0, SIGN_OF_LIFE.1))
        .http2_keep_alive_timeout(Duration::from(config.connect_timeout).max(SIGN_OF_LIFE.0))
        .http2_keep_alive_while_idle(true)
}

/// A partner takes more pings than one a second for an attack; with fewer than one in 20 seconds too many calls fail.
const SIGN_OF_LIFE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(20));

/// The library takes `Authorization` out of what goes to another host; it can't know which other headers are secret.
fn redirects(builder: reqwest::ClientBuilder, max: usize) -> reqwest::ClientBuilder {
    builder.redirect(match max {
        0 => Policy::none(),
        max => Policy::custom(move |attempt| match attempt.previous() {
            previous if previous.len() > max => attempt.error("too many redirects"),
            [first, ..] if !is_within(first, attempt.url()) => attempt.stop(),
            _ => attempt.follow(),
        }),
    })
}

/// Whether a redirect stays with the partner: the same host and port, or from HTTP to HTTPS, each at its usual port.
fn is_within(first: &Url, next: &Url) -> bool {
    let side = |url: &Url| (url.scheme() == "https", url.port_or_known_default());
    let is_upgrade = side(first) == (false, Some(80)) && side(next) == (true, Some(443));
    first.host_str() == next.host_str() && (side(first) == side(next) || is_upgrade)
}

/// The environment's proxies are left alone: what is not in the configuration must not lead calls elsewhere.
fn proxied(builder: reqwest::ClientBuilder, config: &RestConfig) -> Result<reqwest::ClientBuilder> {
    match config.proxy() {
        None => Ok(builder.no_proxy()),
        Some(Ok(proxy)) => Ok(builder.no_proxy().proxy(proxy)),
        Some(Err(words)) => Err(Error::config(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_followed_only_within_the_partner() {
        let within = |first: &str, next: &str| is_within(&first.parse().unwrap(), &next.parse().unwrap());
        assert!(within("https://crm.example.com/a", "https://crm.example.com:443/b?c"));
        assert!(within("http://crm.example.com/a", "https://crm.example.com/a"));
        for (first, next) in [
            ("https://crm.example.com/", "https://other.example.com/"),
            ("https://crm.example.com/", "https://crm.example.com:8443/"),
            ("https://crm.example.com/", "http://crm.example.com/"),
            ("http://crm.example.com:8080/", "https://crm.example.com/"),
            ("http://crm.example.com/", "https://crm.example.com:8443/"),
        ] {
            assert!(!within(first, next), "{first} {next}");
        }
    }
}
