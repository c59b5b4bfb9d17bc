//! The servers that all tests share, as Debian has them or as Python's packages. Tests that break one start their own.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    process::Command,
    time::Instant,
};

use self::node::{Installation, Kind, Life, Node};
use crate::{
    Result, cargo,
    install::{install, install_unless},
    packages::{KEYSTONE_PACKAGES, Packages},
    services::{Environment, Loan, Server},
};

#[path = "../../tests/servers/node/mod.rs"]
#[expect(dead_code, reason = "tests do more with a server than to start and stop it")]
mod node;

/// One for each checkout, and one more for each `cargo xtask test`.
pub(crate) struct Daemon {
    kind: &'static dyn Kind,
    needed_by: &'static str,
    packages: Source,
}

/// The packages that a server comes in.
enum Source {
    /// Those of the system.
    Debian(&'static str),
    /// Those of a language, installed for tests alone.
    Language(&'static Packages),
}

pub(crate) const RABBITMQ: Daemon = Daemon {
    kind: &node::RabbitMq,
    needed_by: "AMQP: channels and outgoing connections, on a real broker",
    packages: Source::Debian("rabbitmq-server"),
};

pub(crate) const POSTGRES: Daemon = Daemon {
    kind: &node::Postgres,
    needed_by: "SQL: connections, locks and notifications, on PostgreSQL",
    packages: Source::Debian("postgresql"),
};

pub(crate) const MARIADB: Daemon = Daemon {
    kind: &node::MariaDb,
    needed_by: "SQL: connections, on MariaDB, which stands for MySQL",
    packages: Source::Debian("mariadb-server-core mariadb-client-core"),
};

pub(crate) const REDIS: Daemon = Daemon {
    kind: &node::redis::Redis,
    needed_by: "Redis: connections, caches, locks and channels of streams",
    packages: Source::Debian("redis-server redis-tools"),
};

pub(crate) const SWIFT: Daemon = Daemon {
    kind: &node::Swift,
    needed_by: "Swift: connections and channels, and object storage over S3",
    packages: Source::Debian("python3-swift"),
};

pub(crate) const KEYSTONE: Daemon = Daemon {
    kind: &node::Keystone,
    needed_by: "Swift: logging in with Keystone, version 3 of its API",
    packages: Source::Language(&KEYSTONE_PACKAGES),
};

impl Daemon {
    /// The value of one of its variables, of those that begin with its own.
    pub(crate) fn told(&self, loan: &Loan, name: &str) -> Result<String> {
        let name = format!("{}{name}", self.kind.software().variable);
        let told = loan.environment().into_iter().find(|(told, _)| *told == name);
        Ok(told.map(|(_, value)| value).ok_or_else(|| format!("{} does not tell {name}", self.name()))?)
    }

    /// Where the server of `cargo xtask services up` keeps everything, until it is stopped. Not among the builds: those
    /// may lie where the server's own user can't go.
    fn folder(&self) -> PathBuf {
        let mut checkout = DefaultHasher::new();
        cargo::root().hash(&mut checkout);
        std::env::temp_dir().join(format!("zato-{}-{:016x}", self.name(), checkout.finish()))
    }

    /// Keeps a second `cargo xtask services` waiting until the file is closed.
    fn lock(&self) -> Result<File> {
        let file = File::create(self.folder().with_extension("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// The server of an earlier `cargo xtask services up`, running or not.
    fn found(&self) -> Result<Option<Node>> {
        let folder = self.folder();
        let installation = Installation::find(self.kind.software()).filter(|_| folder.exists());
        let Some(installation) = installation else { return Ok(None) };
        // A start that was interrupted may have left less than a server.
        Node::detached(self.kind, installation, folder.clone())
            .map(Some)
            .or_else(|_| Ok(fs::remove_dir_all(folder).map(|()| None)?))
    }

    fn running(&self) -> Result<Option<Node>> {
        Ok(self.found()?.and_then(|mut node| (node.is_alive() && node.is_ready()).then_some(node)))
    }

    /// Installs what is missing.
    fn installed(&self) -> Result<Installation> {
        let software = self.kind.software();
        let what = format!("{} with util-linux' setpriv", software.title);
        match self.packages {
            Source::Debian(packages) => install_unless(|| Installation::find(software).is_some(), &what, packages)?,
            Source::Language(packages) => {
                install("setpriv", "util-linux")?;
                packages.up().map(drop)?;
            }
        }
        // OpenSSL 3.0 knows no `--version`.
        let openssl = || Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
        install_unless(openssl, "openssl", "openssl")?;
        Ok(Installation::find(software).ok_or_else(|| format!("{} was there a moment ago", software.title))?)
    }

    fn start(&self, installation: Installation, folder: PathBuf, life: Life) -> Result<Node> {
        let since = Instant::now();
        eprintln!("starting {}", self.name());
        let mut node = Node::new(self.kind, installation, folder, Vec::new())?;
        if let Err(error) = node.start(life) {
            node.remove()?;
            return Err(error.into());
        }
        eprintln!("{} is up after {:.1} s", self.name(), since.elapsed().as_secs_f64());
        Ok(node)
    }

    fn environment(&self, installation: &Installation, node: &Node) -> Environment {
        let variable = self.kind.software().variable;
        let mut environment = vec![(variable.to_owned(), installation.programs().display().to_string())];
        environment.extend(node.place().variables(variable));
        environment
    }
}

impl Server for Daemon {
    fn name(&self) -> &'static str {
        self.kind.software().name
    }

    fn needed_by(&self) -> &'static str {
        self.needed_by
    }

    fn up(&self) -> Result<Environment> {
        let installation = self.installed()?;
        let _lock = self.lock()?;
        if let Some(node) = self.running()? {
            return Ok(self.environment(&installation, &node));
        }
        if let Some(mut dead) = self.found()? {
            dead.remove()?;
        }
        let node = self.start(installation.clone(), self.folder(), Life::Detached)?;
        Ok(self.environment(&installation, &node))
    }

    fn lend(&self) -> Result<Loan> {
        let installation = self.installed()?;
        let _lock = self.lock()?;
        if let Some(node) = self.running()? {
            return Ok(self.environment(&installation, &node).into());
        }
        let node = self.start(installation.clone(), node::own_folder(self.kind.software()), Life::Ours)?;
        Ok(Loan::new(self.environment(&installation, &node), node))
    }

    fn down(&self) -> Result<()> {
        let _lock = self.lock()?;
        if let Some(mut node) = self.found()? {
            node.stop()?;
            node.remove()?;
        }
        Ok(())
    }

    fn status(&self) -> Result<String> {
        let Some(installation) = Installation::find(self.kind.software()) else {
            return Ok("is not installed".to_owned());
        };
        let programs = installation.programs().display();
        Ok(match self.running()? {
            Some(node) => format!("runs on {} with {} MB", node.place().url, node.memory() >> 20),
            None => format!("does not run; it is in {programs}, and tests start it themselves"),
        })
    }
}
