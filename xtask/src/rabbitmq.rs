//! RabbitMQ: the broker that all tests share. Tests that break one start their own.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    process::Command,
    time::Instant,
};

use self::node::{Installation, Life, Node, PROGRAMS};
use crate::{
    Result, cargo,
    install::install_unless,
    services::{Environment, Loan, Server},
};

#[path = "../../tests/servers/rabbitmq/node/mod.rs"]
#[expect(dead_code, reason = "tests do more with a broker than to start and stop it")]
mod node;

/// One for each checkout, and one more for each `cargo xtask test`.
pub(crate) struct RabbitMq;

impl RabbitMq {
    /// Where the broker of `cargo xtask services up` keeps everything, until it is stopped. Not among the builds: those
    /// may lie where the broker's own user can't go.
    fn folder() -> PathBuf {
        let mut checkout = DefaultHasher::new();
        cargo::root().hash(&mut checkout);
        std::env::temp_dir().join(format!("zato-rabbitmq-{:016x}", checkout.finish()))
    }

    /// Keeps a second `cargo xtask services` waiting until the file is closed.
    fn lock() -> Result<File> {
        let file = File::create(Self::folder().with_extension("lock"))?;
        file.lock()?;
        Ok(file)
    }

    /// The broker of an earlier `cargo xtask services up`, running or not.
    fn found() -> Result<Option<Node>> {
        let Some(installation) = Installation::find().filter(|_| Self::folder().exists()) else { return Ok(None) };
        // A start that was interrupted may have left less than a broker.
        Node::detached(installation, Self::folder())
            .map(Some)
            .or_else(|_| Ok(fs::remove_dir_all(Self::folder()).map(|()| None)?))
    }

    fn running() -> Result<Option<Node>> {
        Ok(Self::found()?.and_then(|mut node| (node.is_alive() && node.is_ready()).then_some(node)))
    }
}

impl Server for RabbitMq {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    fn needed_by(&self) -> &'static str {
        "AMQP: channels and outgoing connections, on a real broker"
    }

    fn up(&self) -> Result<Environment> {
        let installation = installed()?;
        let _lock = Self::lock()?;
        if let Some(node) = Self::running()? {
            return Ok(environment(&installation, &node));
        }
        if let Some(mut dead) = Self::found()? {
            dead.remove()?;
        }
        let node = start(installation.clone(), Self::folder(), Life::Detached)?;
        Ok(environment(&installation, &node))
    }

    fn lend(&self) -> Result<Loan> {
        let installation = installed()?;
        let _lock = Self::lock()?;
        if let Some(node) = Self::running()? {
            return Ok(environment(&installation, &node).into());
        }
        let node = start(installation.clone(), node::own_folder(), Life::Ours)?;
        Ok(Loan::new(environment(&installation, &node), node))
    }

    fn down(&self) -> Result<()> {
        let _lock = Self::lock()?;
        if let Some(mut node) = Self::found()? {
            node.stop()?;
            node.remove()?;
        }
        Ok(())
    }

    fn status(&self) -> Result<String> {
        let Some(installation) = Installation::find() else { return Ok("is not installed".to_owned()) };
        let programs = installation.programs().display();
        Ok(match Self::running()? {
            Some(node) => format!("runs on {} with {} MB", node.place().url, node.memory() >> 20),
            None => format!("does not run; it is in {programs}, and tests start it themselves"),
        })
    }
}

/// Installs what is missing.
fn installed() -> Result<Installation> {
    install_unless(|| Installation::find().is_some(), "RabbitMQ with util-linux' setpriv", "rabbitmq-server")?;
    // OpenSSL 3.0 knows no `--version`.
    let has_openssl = || Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    install_unless(has_openssl, "openssl", "openssl")?;
    Ok(Installation::find().ok_or("RabbitMQ was there a moment ago")?)
}

fn start(installation: Installation, folder: PathBuf, life: Life) -> Result<Node> {
    let since = Instant::now();
    eprintln!("starting rabbitmq");
    let mut node = Node::new(installation, folder)?;
    if let Err(error) = node.start(life) {
        node.remove()?;
        return Err(error.into());
    }
    eprintln!("rabbitmq is up after {:.1} s", since.elapsed().as_secs_f64());
    Ok(node)
}

fn environment(installation: &Installation, node: &Node) -> Environment {
    let mut environment = vec![(PROGRAMS.to_owned(), installation.programs().display().to_string())];
    environment.extend(node.place().variables());
    environment
}
