#![doc = include_str!("docs/start.md")]
#![doc = include_str!("docs/models.md")]
#![doc = include_str!("docs/formats.md")]
#![doc = include_str!("docs/csv.md")]
#![doc = include_str!("docs/forms.md")]
#![doc = include_str!("docs/zato_cases.md")]
#![doc = include_str!("docs/errors.md")]
#![doc = include_str!("docs/invoking.md")]
#![doc = include_str!("docs/connections.md")]
#![doc = include_str!("docs/outgoing.md")]
#![doc = include_str!("docs/resilience.md")]
#![doc = include_str!("docs/streaming.md")]
#![doc = include_str!("docs/testing.md")]
#![doc = include_str!("docs/configuration.md")]
#![doc = include_str!("docs/user_config.md")]
#![doc = include_str!("docs/security.md")]
#![doc = include_str!("docs/tls.md")]
#![doc = include_str!("docs/rates.md")]
#![doc = include_str!("docs/http.md")]
#![doc = include_str!("docs/edge.md")]
#![doc = include_str!("docs/caches.md")]
#![doc = include_str!("docs/soap.md")]
#![doc = include_str!("docs/wsdl.md")]
#![doc = include_str!("docs/outgoing_soap.md")]
#![doc = include_str!("docs/amqp.md")]
#![doc = include_str!("docs/amqp_channel.md")]
#![doc = include_str!("docs/redis.md")]
#![doc = include_str!("docs/redis_streams.md")]
#![doc = include_str!("docs/redis_pages.md")]
#![doc = include_str!("docs/locks.md")]
#![doc = include_str!("docs/object_storage.md")]
#![doc = include_str!("docs/swift.md")]
#![doc = include_str!("docs/swift_channel.md")]
#![doc = include_str!("docs/sql.md")]
#![doc = include_str!("docs/layers.md")]
#![doc = include_str!("docs/running.md")]
#![doc = include_str!("docs/operations.md")]
#![doc = include_str!("docs/logs.md")]
#![doc = include_str!("docs/embedding.md")]
#![doc = include_str!("docs/features.md")]

// What nearly every program names.
pub use zato_core::{
    BoxError, Error, Fault, Kind, Result, Retry, Value,
    app::{App, Applied, Change, ChangeKind, Running, told_to_stop},
    channel::Delivery,
    config::{Secret, Typed, UserConfig},
    model::{Base64, Decimal, IsoDuration, Model, validate},
    service::{Context, Invoke, Raw, Response, Rows, Services},
};
pub use zato_macros::{model, service};

#[cfg(feature = "multipart")]
pub use zato_core::{
    model::FormFile,
    service::{Multipart, Part},
};

// What a service written by hand names.
pub use zato_core::service::{Binder, Definition, Input, MAX_DEPTH, Need, NeedKind, Output, Service, Shape};

// The rooms, for whoever writes a layer, a connector or a channel. Two are missing: modules named like the attributes
// `model` and `service` would be imported with them, and clash with modules of that name in a program.
pub use zato_core::app::ServiceCall;
pub use zato_core::service::patterns;
pub use zato_core::{
    ambient, channel, config, connection, inspect, layer, lock, message, metrics, rate, resilience, security,
};

// Technologies, one module each.
#[cfg(feature = "amqp")]
pub use zato_amqp as amqp;
#[cfg(feature = "cache")]
pub use zato_core::cache;
pub use zato_core::connection::loopback;
#[cfg(feature = "xml")]
pub use zato_core::format::xml;
#[cfg(feature = "redis")]
pub use zato_redis as redis;
#[cfg(feature = "rest")]
pub use zato_rest as rest;
#[cfg(all(feature = "rest", feature = "soap"))]
pub use zato_rest::soap;
#[cfg(feature = "sql")]
pub use zato_sql as sql;
#[cfg(feature = "swift")]
pub use zato_swift as swift;

// Crates whose types are part of the interface, so that a program need not match their versions.
#[doc(no_inline)]
pub use zato_core::{bytes, chrono, futures_core, http, tower, tracing, uuid};

#[doc(hidden)]
pub use zato_core::__private;

/// Starts an app of a name, with everything that the enabled features bring: REST channels that listen where
/// `server.bind` says, and the loopback connector.
///
/// # Examples
///
/// ```
/// # #[zato::service(name = "bank.ping")]
/// # async fn ping() -> zato::Result<()> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato::Result<()> {
/// let app = zato::app("bank")
///     .services(zato::services![ping])
///     .config_yaml("server: {bind: '127.0.0.1:0'}")
///     .start()
///     .await?;
/// assert!(app.addresses()[0].starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// ```
pub fn app(name: impl Into<String>) -> App {
    let name = name.into();
    let app = App::new(name.as_str());
    #[cfg(feature = "rest")]
    let app = app.channel(rest::RestChannels::new());
    outgoing(swift_channels(redis_channels(amqp_channels(app), &name), &name))
}

/// Adds AMQP, or says which feature brings it.
fn amqp_channels(app: App) -> App {
    #[cfg(feature = "amqp")]
    let app = app.definition::<amqp::AmqpDefinition>().channel(amqp::AmqpChannels::new());
    #[cfg(not(feature = "amqp"))]
    let app = {
        use config::SectionName;
        // The crate that has these names is not there.
        let sections = [
            SectionName { name: "definition_amqp", aliases: &["def_amqp"] },
            SectionName { name: "outgoing_amqp", aliases: &["outconn_amqp"] },
            SectionName { name: "channel_amqp", aliases: &[] },
        ];
        sections.into_iter().fold(app, |app, section| app.left_out(section, "amqp"))
    };
    app
}

/// Adds streams of Redis, or says which feature brings them.
fn redis_channels(app: App, name: &str) -> App {
    #[cfg(feature = "redis")]
    let app = app.channel(redis::RedisChannels::of_app(name));
    #[cfg(not(feature = "redis"))]
    let app = {
        let _ = name;
        app.left_out(config::SectionName { name: "channel_redis", aliases: &[] }, "redis")
    };
    app
}

/// Adds containers of Swift that are polled, or says which feature brings them.
fn swift_channels(app: App, name: &str) -> App {
    #[cfg(feature = "swift")]
    let app = app.channel(swift::SwiftChannels::of_app(name));
    #[cfg(not(feature = "swift"))]
    let app = {
        let _ = name;
        app.left_out(config::SectionName { name: "channel_swift", aliases: &[] }, "swift")
    };
    app
}

/// Adds the connectors that the features bring.
fn outgoing(app: App) -> App {
    #[cfg(feature = "amqp")]
    let app = app.connector::<amqp::AmqpConnector>();
    #[cfg(feature = "redis")]
    let app = app.connector::<redis::RedisConnector>();
    #[cfg(not(feature = "redis"))]
    let app = {
        use config::SectionName;
        // The crate that has this name is not there.
        app.left_out(SectionName { name: "outgoing_redis", aliases: &["outconn_redis"] }, "redis")
    };
    #[cfg(feature = "outgoing")]
    let app = app.connector::<rest::RestConnector>();
    #[cfg(all(feature = "rest", not(feature = "outgoing")))]
    let app = app.left_out(rest::OUTGOING, "outgoing");
    #[cfg(all(feature = "rest", not(feature = "soap")))]
    let app = app.left_out(rest::SOAP, "soap");
    #[cfg(all(feature = "outgoing", feature = "soap"))]
    let app = app.connector::<rest::SoapConnector>();
    #[cfg(all(feature = "outgoing", not(feature = "soap")))]
    let app = app.left_out(rest::OUTGOING_SOAP, "soap");
    #[cfg(all(feature = "rest", not(feature = "outgoing")))]
    let app = app.left_out(rest::OUTGOING_SOAP, "outgoing");
    caches(storages(databases(app)))
}

/// Adds SQL, or says which feature brings it.
fn databases(app: App) -> App {
    #[cfg(feature = "sql")]
    let app = app.connector::<sql::SqlConnector>();
    #[cfg(not(feature = "sql"))]
    let app = app.left_out(config::SectionName { name: "sql", aliases: &["outconn_sql"] }, "sql");
    app
}

/// Adds object storage, which may stand over a connection to Swift, or says which feature brings it.
fn storages(app: App) -> App {
    #[cfg(feature = "swift")]
    let app = app.connector::<swift::SwiftConnector>().connector::<swift::ObjectStorageConnector>();
    #[cfg(not(feature = "swift"))]
    let app = {
        use config::SectionName;
        // The crate that has these names is not there.
        let sections = [
            SectionName { name: "outgoing_swift", aliases: &["cloud_openstack_swift"] },
            SectionName { name: "outgoing_object_storage", aliases: &[] },
        ];
        sections.into_iter().fold(app, |app, section| app.left_out(section, "swift"))
    };
    app
}

/// Adds caches, which may stand over any connection, and so come last; or says which feature brings them.
fn caches(app: App) -> App {
    #[cfg(feature = "cache")]
    let app = app.connector::<cache::CacheConnector>();
    #[cfg(not(feature = "cache"))]
    let app = app.left_out(config::SectionName { name: "cache", aliases: &["zato_cache_builtin"] }, "cache");
    app
}

/// The test kit: an app in the test's own process, a client for it, contexts made by hand, a clock that stands still,
/// fixed ids, captured log lines.
///
/// # Examples
///
/// ```
/// # #[zato::service(name = "bank.ping")]
/// # async fn ping() -> zato::Result<()> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato::Result<()> {
/// use zato::{services, testing};
///
/// let yaml = "channel_rest: [{name: ping, url_path: /ping, service: bank.ping}]";
/// let app = testing::app("bank").services(services![ping]).config_yaml(yaml).start().await?;
/// assert_eq!(testing::client(&app).get("/ping").await.status, 204);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "testing")]
pub mod testing {
    #[cfg(feature = "amqp")]
    pub use zato_amqp::testing::*;
    pub use zato_core::testing::*;
    #[cfg(feature = "redis")]
    pub use zato_redis::testing::*;
    #[cfg(feature = "rest")]
    pub use zato_rest::testing::*;
    #[cfg(feature = "sql")]
    pub use zato_sql::testing::*;
    #[cfg(feature = "swift")]
    pub use zato_swift::testing::*;

    /// Starts an app of a name that opens no socket and makes no connection but to fakes, whose clock stands still and whose ids are the same in every run.
    ///
    /// Otherwise it is what [`zato::app`](crate::app()) gives; a test talks to it with [`client`].
    pub fn app(name: impl Into<String>) -> crate::App {
        let name = name.into();
        let app = crate::App::new(name.as_str());
        let app = app.ambient(TestClock::default(), SequentialIds::default()).fakes_only();
        #[cfg(feature = "rest")]
        let app = app.channel(channels());
        let app = crate::redis_channels(crate::amqp_channels(app), &name);
        crate::outgoing(crate::swift_channels(app, &name))
    }
}

/// Lists services, for [`App::services`].
///
/// # Examples
///
/// ```
/// #[zato::service(name = "client.get")]
/// async fn get_client() -> zato::Result<()> {
///     Ok(())
/// }
///
/// let services = zato::services![get_client];
/// assert_eq!(services.definitions().next().map(|definition| definition.name()), Some("client.get"));
/// ```
#[macro_export]
macro_rules! services {
    ($($service:ty),* $(,)?) => {
        $crate::Services::new()$(.add::<$service>())*
    };
}

/// The README's programs, compiled with the other examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
