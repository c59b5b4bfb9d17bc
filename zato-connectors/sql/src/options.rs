//! What the library is told of an entry.

#[cfg(feature = "sqlite")]
use std::time::Duration;

use sqlx::ConnectOptions as _;
use zato_core::{config::ConfigFaults, connection::Setup};

use crate::{
    config::{SqlConfig, SqlEngine},
    pool::Target,
};

/// How SQLite calls a database that is gone with the program.
const IN_MEMORY: &str = ":memory:";

impl SqlConfig {
    /// Whether the database is gone with the program.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.engine == SqlEngine::Sqlite && self.db_name.as_deref() == Some(IN_MEMORY)
    }
}

/// Works out where the connections of an entry lead to.
pub(crate) fn target(setup: &Setup<'_, SqlConfig>) -> Result<Target, ConfigFaults> {
    match setup.config.engine {
        #[cfg(feature = "sqlite")]
        SqlEngine::Sqlite => Ok(Target::Sqlite(sqlite(&setup.config))),
        #[cfg(feature = "postgres")]
        SqlEngine::Postgres => postgres(setup).map(Target::Postgres),
        #[cfg(feature = "mysql")]
        SqlEngine::MySql => mysql(setup).map(Target::MySql),
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        other => Err(setup.fault("engine", other.feature_words()).into()),
    }
}

#[cfg(feature = "sqlite")]
pub(crate) fn sqlite(config: &SqlConfig) -> sqlx::sqlite::SqliteConnectOptions {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    // Whoever waits for somebody else's transaction gives up before a statement does.
    let patience = Duration::from_secs(5).min(config.statement_timeout.0.max(Duration::from_millis(100)));
    let options = SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(patience)
        .statement_cache_capacity(config.statement_cache)
        .read_only(config.read_only && !config.is_in_memory())
        .create_if_missing(!config.read_only)
        .disable_statement_logging();
    let mut options = if config.is_in_memory() {
        // All connections of it find the same, as long as one of them is there (SQLite, The "memdb" VFS).
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        options.filename(format!("/zato-{number}")).vfs("memdb")
    } else {
        let options = options.filename(config.db_name.as_deref().unwrap_or_default());
        if config.read_only {
            options
        } else {
            // Readers don't wait for the writer, and what was kept stays if the machine fails.
            options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
        }
    };
    for (key, value) in config.extra.pairs() {
        options = options.pragma(key, value);
    }
    options
}

/// Keeps a database in memory there, while its other connections come and go.
#[cfg(feature = "sqlite")]
#[derive(Debug, Default)]
pub(crate) struct Anchor(tokio::sync::OnceCell<tokio::sync::Mutex<sqlx::SqliteConnection>>);

#[cfg(feature = "sqlite")]
impl Anchor {
    pub(crate) async fn hold(&self, options: &sqlx::sqlite::SqliteConnectOptions) -> Result<(), sqlx::Error> {
        let connect = || async { options.connect().await.map(tokio::sync::Mutex::new) };
        self.0.get_or_try_init(connect).await.map(drop)
    }
}

/// Finds what the library would take from the environment past the configuration.
#[cfg(feature = "postgres")]
fn from_outside(is_set: impl Fn(&str) -> bool, has_tls: bool) -> Option<&'static str> {
    if is_set("PGOPTIONS") {
        return Some("PGOPTIONS is set in the environment, which would be taken as well; unset it, and write extra");
    }
    let is_tls = ["PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"].into_iter().any(is_set);
    (is_tls && has_tls).then_some(
        "PGSSLROOTCERT, PGSSLCERT or PGSSLKEY is set in the environment, which would be taken as well; unset it, and write tls",
    )
}

#[cfg(feature = "postgres")]
fn postgres(setup: &Setup<'_, SqlConfig>) -> Result<sqlx::postgres::PgConnectOptions, ConfigFaults> {
    use sqlx::postgres::{PgConnectOptions, PgSslMode};

    let config = &setup.config;
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(config.host.as_deref().unwrap_or("localhost"))
        .port(config.port.unwrap_or(5432))
        .username(config.username.as_deref().unwrap_or("postgres"))
        .database(config.db_name.as_deref().unwrap_or_default())
        .statement_cache_capacity(config.statement_cache)
        .application_name(config.application_name.as_deref().unwrap_or(&config.name))
        .options(config.extra.pairs())
        .disable_statement_logging();
    // Else it would be that of PGPASSWORD.
    options = options.password(config.password.as_ref().map_or("", |password| password.expose()));
    if let Some(words) = from_outside(|key| std::env::var_os(key).is_some(), !matches!(spoken(config), Spoken::Never)) {
        return Err(setup.fault("engine", words).into());
    }
    options = match spoken(config) {
        Spoken::Never => options.ssl_mode(PgSslMode::Disable),
        Spoken::IfOffered => options.ssl_mode(PgSslMode::Prefer),
        Spoken::Always => options.ssl_mode(PgSslMode::Require),
        Spoken::Checked => options.ssl_mode(PgSslMode::VerifyFull),
    };
    let files = files(setup)?;
    if let Some(authorities) = files.authorities {
        options = options.ssl_root_cert_from_pem(authorities);
    }
    if let Some((certificate, key)) = files.pair {
        options = options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
    }
    Ok(options)
}

#[cfg(feature = "mysql")]
fn mysql(setup: &Setup<'_, SqlConfig>) -> Result<sqlx::mysql::MySqlConnectOptions, ConfigFaults> {
    use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

    let config = &setup.config;
    let host = config.host.as_deref().unwrap_or("localhost");
    let mut options = MySqlConnectOptions::new()
        .port(config.port.unwrap_or(3306))
        .username(config.username.as_deref().unwrap_or("root"))
        .database(config.db_name.as_deref().unwrap_or_default())
        .statement_cache_capacity(config.statement_cache)
        .disable_statement_logging();
    options = if host.starts_with('/') { options.socket(host) } else { options.host(host) };
    if let Some(password) = &config.password {
        options = options.password(password.expose());
    }
    options = match spoken(config) {
        Spoken::Never => options.ssl_mode(MySqlSslMode::Disabled),
        Spoken::IfOffered => options.ssl_mode(MySqlSslMode::Preferred),
        Spoken::Always => options.ssl_mode(MySqlSslMode::Required),
        Spoken::Checked => options.ssl_mode(MySqlSslMode::VerifyIdentity),
    };
    let files = files(setup)?;
    if let Some(authorities) = files.authorities {
        options = options.ssl_ca_from_pem(authorities);
    }
    if let Some((certificate, key)) = files.pair {
        options = options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
    }
    Ok(options)
}

/// How TLS is spoken.
#[cfg(any(feature = "postgres", feature = "mysql"))]
enum Spoken {
    Never,
    IfOffered,
    Always,
    Checked,
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn spoken(config: &SqlConfig) -> Spoken {
    // Who asks for the check asks for what is checked.
    let is_wanted = config.tls_files().is_some() || config.tls_verify == Some(true);
    match config.ssl.or(is_wanted.then_some(true)) {
        Some(true) if config.tls_verify != Some(false) => Spoken::Checked,
        Some(true) => Spoken::Always,
        None if cfg!(feature = "tls") => Spoken::IfOffered,
        Some(false) | None => Spoken::Never,
    }
}

/// Says how a password can be read on its way, if it can.
pub(crate) fn exposure(config: &SqlConfig) -> Option<&'static str> {
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    {
        let host = config.host.as_deref().unwrap_or("localhost");
        let is_here = host.eq_ignore_ascii_case("localhost")
            || host.starts_with('/')
            || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if config.password.is_none() || is_here || config.engine == SqlEngine::Sqlite {
            return None;
        }
        match spoken(config) {
            Spoken::Checked => None,
            Spoken::Never => Some("the connection is not encrypted; say ssl: true"),
            Spoken::IfOffered | Spoken::Always => {
                Some("nobody checks the certificate of the database; say ssl: true, and tls_verify not false")
            }
        }
    }
    #[cfg(not(any(feature = "postgres", feature = "mysql")))]
    {
        let _ = config;
        None
    }
}

/// What stands in the files that an entry names.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Default)]
struct TlsFiles {
    authorities: Option<Vec<u8>>,
    pair: Option<(Vec<u8>, Vec<u8>)>,
}

#[cfg(all(feature = "tls", any(feature = "postgres", feature = "mysql")))]
fn files(setup: &Setup<'_, SqlConfig>) -> Result<TlsFiles, ConfigFaults> {
    use zato_tls::{ClientTls, Verification};

    let Some(tls) = setup.config.tls_files() else { return Ok(TlsFiles::default()) };
    let verification = if setup.config.tls_verify == Some(false) { Verification::Off } else { Verification::Full };
    let place = &setup.node.get("tls").unwrap_or(setup.node).origin;
    // The library reads them itself; here they are looked at, so that what is wrong is found before.
    ClientTls::build(&tls.as_client(), verification, place, setup.files, setup.ambient.now())?;
    let mut authorities = Vec::new();
    for file in &tls.ca {
        authorities.extend(setup.files.read(file)?);
        authorities.push(b'\n');
    }
    let pair = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => Some((setup.files.read(certificate)?, setup.files.read(key)?)),
        _ => None,
    };
    Ok(TlsFiles { authorities: Some(authorities).filter(|pem| !pem.is_empty()), pair })
}

#[cfg(all(not(feature = "tls"), any(feature = "postgres", feature = "mysql")))]
fn files(setup: &Setup<'_, SqlConfig>) -> Result<TlsFiles, ConfigFaults> {
    let mut faults = ConfigFaults::new();
    for (key, is_wanted) in [
        ("ssl", setup.config.ssl == Some(true)),
        ("tls_verify", setup.config.ssl.is_none() && setup.config.tls_verify == Some(true)),
        ("tls", setup.config.tls.is_some()),
        ("ssl_ca_file", setup.config.tls.is_none() && setup.config.tls_files().is_some()),
    ] {
        if is_wanted {
            let words = "this program was built without TLS, which this asks for; add the feature \"tls\" of zato";
            faults.push(setup.fault(key, words));
        }
    }
    faults.into_result(TlsFiles::default())
}

#[cfg(all(test, feature = "postgres", feature = "tls"))]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    #[test]
    fn whoever_asks_for_the_check_gets_it() {
        let verifies = |keys: &str| {
            let text = format!("{{name: a, engine: postgresql, db_name: b, {keys}}}");
            let config: SqlConfig = from_node(&yaml::parse("zato.yaml", &text).unwrap()).unwrap();
            matches!(spoken(&config), Spoken::Checked)
        };
        assert!(verifies("ssl: true"));
        assert!(verifies("ssl_verify: true"));
        assert!(verifies("tls: {ca: [a.pem]}"));
        assert!(verifies("ssl_ca_file: a.pem"));
        assert!(!verifies("ssl: true, tls_verify: false"));
        assert!(!verifies("ssl: false, tls_verify: true"));
    }

    #[test]
    fn passwords_that_can_be_read_are_warned_of() {
        let is_exposed = |keys: &str| {
            let text = format!("{{name: a, engine: postgresql, db_name: b, {keys}}}");
            exposure(&from_node(&yaml::parse("zato.yaml", &text).unwrap()).unwrap()).is_some()
        };
        assert!(is_exposed("host: db.example.com, password: a"));
        assert!(is_exposed("host: 10.0.0.1, password: a, ssl: false"));
        assert!(is_exposed("host: 10.0.0.1, password: a, ssl: true, tls_verify: false"));
        for keys in [
            "password: a",
            "host: '::1', password: a",
            "host: 127.0.0.2, password: a",
            "host: /run/postgresql, password: a",
            "host: db.example.com",
            "host: db.example.com, password: a, ssl: true",
            "host: db.example.com, password: a, tls_verify: true",
        ] {
            assert!(!is_exposed(keys), "{keys}");
        }
    }

    #[test]
    fn nothing_comes_from_the_environment() {
        assert!(from_outside(|_| false, true).is_none());
        assert!(from_outside(|key| key == "PGOPTIONS", false).is_some());
        assert!(from_outside(|key| key == "PGSSLKEY", true).is_some());
        assert!(from_outside(|key| key == "PGSSLKEY", false).is_none());
    }
}
