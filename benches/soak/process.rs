//! A server's process: started, asked how it is, told to stop, never left behind.

use std::{
    env,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    Result,
    certificates::{Certificates, replace},
    configuration::configuration,
    server::ADDRESSES,
    wire::Scheme,
};

/// How long a server may take to start or to stop: its `shutdown_timeout` and a little more.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where its log is.
const LOG: &str = "log.txt";

/// A server that runs, and is killed if it is dropped before it was stopped.
pub(crate) struct Server {
    pub(crate) scheme: Scheme,
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts one with a folder of its own inside of another.
    pub(crate) async fn start(scheme: Scheme, inside: &Path, certificates: &Certificates) -> Result<Self> {
        let folder = inside.join(scheme.as_str());
        fs::create_dir(&folder)?;
        replace(&folder, "zato.yaml", &configuration(scheme, 0))?;
        certificates.put(0, &folder)?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("serve").arg(&folder).stdin(Stdio::piped()).kill_on_drop(true);
        let log = File::create(folder.join(LOG))?;
        let mut child = command.stderr(log.try_clone()?).stdout(log).spawn()?;
        let (address, admin) = addresses(&folder, &mut child).await?;
        Ok(Self { scheme, folder, address, admin, child })
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> Result<f64> {
        let id = self.child.id().ok_or("the server has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
        Ok(line.ok_or("the kernel tells no number of threads")?)
    }

    /// Tells it to stop, and returns how long that took.
    pub(crate) async fn stop(mut self) -> Result<Duration> {
        let id = self.child.id().ok_or("the server has ended by itself")?;
        let start = Instant::now();
        // Through a program, because the system call takes `unsafe`, which the whole workspace forbids.
        let told = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        if !told.success() {
            return Err(format!("the server could not be told to stop: {told}").into());
        }
        let ended =
            timeout(PATIENCE, self.child.wait()).await.map_err(|_| "the server did not stop when told to")??;
        if !ended.success() {
            return Err(format!("the server ended with {ended}: see {}", self.folder.join(LOG).display()).into());
        }
        Ok(start.elapsed())
    }

    /// The first lines of its log that want a person to act, but for those about configurations that are to be refused.
    pub(crate) fn errors(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(self.folder.join(LOG))?;
        let is_wanted = |line: &&str| line.contains(" ERROR ") && line.contains("configuration refused");
        let is_error = |line: &&str| line.contains(" ERROR ") || line.contains("panicked");
        Ok(text.lines().filter(is_error).filter(|line| !is_wanted(line)).take(5).map(str::to_owned).collect())
    }
}

/// Waits until a server has written where it listens.
async fn addresses(folder: &Path, child: &mut Child) -> Result<(SocketAddr, SocketAddr)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(text) = fs::read_to_string(folder.join(ADDRESSES)) {
            let mut addresses = text.lines().filter_map(|url| url.rsplit('/').next()?.parse().ok());
            return addresses.next().zip(addresses.next()).ok_or_else(|| format!("{text:?} are no addresses").into());
        }
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            return Err(format!("the server did not start: see {}", folder.join(LOG).display()).into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}
