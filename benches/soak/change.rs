//! Configurations and certificates that change all the time, each of which has to be taken up, or refused.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    Result,
    certificates::{Certificates, replace},
    configuration::{broken, configuration},
    gauges::Gauges,
    process::Server,
    tally::Tally,
    wire::{Scheme, Target},
};

/// How long nothing changes.
const PAUSE: Duration = Duration::from_secs(2);

/// How soon a change has to be taken up, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who changes things.
pub(crate) struct Changer {
    pub(crate) server: Arc<Server>,
    pub(crate) target: Target,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) tally: Arc<Tally>,
}

impl Changer {
    /// Changes one thing after the other, and at the end everything back to how it was.
    pub(crate) async fn run(self) {
        for round in 1.. {
            sleep(PAUSE).await;
            let changed = if self.tally.is_over() { self.back().await } else { self.round(round).await };
            if let Err(error) = changed {
                self.tally.failed(format_args!("change {round} of {}", self.server.scheme.as_str()), error);
            }
            if self.tally.is_over() {
                break;
            }
        }
    }

    async fn round(&self, round: u32) -> Result<()> {
        let scheme = self.server.scheme;
        if scheme == Scheme::Https && round.is_multiple_of(3) {
            self.certificate(round / 3).await?;
        }
        if round.is_multiple_of(5) {
            let before = Gauges::of(&self.server).await?.refused;
            self.write(&broken(scheme, round))?;
            self.until("it was not refused", |now| now.refused > before).await?;
            self.tally.done("refused changes");
        }
        self.configuration(round).await
    }

    async fn back(&self) -> Result<()> {
        if self.server.scheme == Scheme::Https {
            self.certificate(0).await?;
        }
        self.configuration(0).await
    }

    async fn configuration(&self, round: u32) -> Result<()> {
        let before = Gauges::of(&self.server).await?.generation;
        self.write(&configuration(self.server.scheme, round))?;
        self.until("it was not taken up", |now| now.generation > before).await?;
        self.tally.done("changes");
        Ok(())
    }

    async fn certificate(&self, number: u32) -> Result<()> {
        let certificate = self.certificates.put(number, &self.server.folder)?;
        let is_there = async || Ok(self.target.certificate().await? == *certificate);
        wait("the certificate was not taken up", is_there).await?;
        self.tally.done("certificates");
        Ok(())
    }

    fn write(&self, text: &str) -> Result<()> {
        replace(&self.server.folder, "zato.yaml", text)
    }

    async fn until(&self, otherwise: &str, is_so: impl Fn(Gauges) -> bool) -> Result<()> {
        wait(otherwise, async || Ok(is_so(Gauges::of(&self.server).await?))).await
    }
}

/// Asks again and again.
pub(crate) async fn wait<F: Future<Output = Result<bool>>>(otherwise: &str, is_so: impl Fn() -> F) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await? {
        if Instant::now() > deadline {
            return Err(otherwise.into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
