use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, header};
use reqwest::redirect::Policy;
use zato_core::{
    Error, Result,
    ambient::Ambient,
    config::{ConfigFaults, SectionName},
    connection::{Connector, Setup},
    metrics::Exposition,
};

use super::{
    client::{RestClient, Settings},
    config::{HttpVersion, RestConfig},
    error,
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
        if setup.config.host.is_tls() && cfg!(not(feature = "tls")) {
            let words = "this program was built without TLS; enable the feature \"tls\" of zato";
            faults.push(setup.fault("host", words));
        }
        faults.into_result(())?;
        let (config, ambient) = (Arc::new(setup.config), setup.ambient.clone());
        Ok(PreparedRest { settings: Arc::new(settings_of(&config)), config, ambient })
    }

    async fn connect(prepared: &PreparedRest) -> Result<RestClient> {
        let PreparedRest { config, settings, ambient } = prepared;
        let max_age = config.max_connection_age.into();
        let make: Box<Make> = {
            let config = Arc::clone(config);
            Box::new(move || build(&config))
        };
        Ok(RestClient::new(Arc::clone(settings), ambient.clone(), Transport::new(make, max_age)?))
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
    }
}

/// Makes the client. Each section of the configuration has its own function.
fn build(config: &RestConfig) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().default_headers(headers(config)).referer(false);
    let builder = pool(builder, config);
    let builder = version(builder, config.http_version);
    let builder = redirects(builder, config.max_redirects);
    proxied(builder, config)?.build().map_err(error::of)
}

/// A header of a call's own takes the place of one of these.
fn headers(config: &RestConfig) -> HeaderMap {
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
        .pool_idle_timeout(std::time::Duration::from(config.idle_timeout))
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

fn redirects(builder: reqwest::ClientBuilder, max: usize) -> reqwest::ClientBuilder {
    builder.redirect(if max == 0 { Policy::none() } else { Policy::limited(max) })
}

/// The environment's proxies are left alone: what is not in the configuration must not lead calls elsewhere.
fn proxied(builder: reqwest::ClientBuilder, config: &RestConfig) -> Result<reqwest::ClientBuilder> {
    match config.proxy() {
        None => Ok(builder.no_proxy()),
        Some(Ok(proxy)) => Ok(builder.no_proxy().proxy(proxy)),
        Some(Err(words)) => Err(Error::config(words)),
    }
}
