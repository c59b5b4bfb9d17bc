use std::{any::TypeId, fmt, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
#[cfg(unix)]
use tracing::info;

#[cfg(unix)]
use super::takeover;
use super::{
    Change,
    engine::{Command, Shared},
    supervisor,
};
use crate::{
    channel::Channel,
    connection::{ConnectionStatus, Handle},
    error::{Error, Result},
    layer::statistics::ServiceStatistics,
    message::{ChannelInfo, Content, Message, Payload, Reply},
    service::{Context, Definition, Service, Surroundings},
};

/// An app that runs.
///
/// When dropped, it ends at once and whatever is in work is cut; [`Running::stop`] lets it finish.
///
/// ```
/// use zato_core::app::App;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let app = App::new("bank").config_yaml("outgoing_loopback: [{name: Rates}]").start().await?;
/// assert_eq!(app.connections()[0].name, "Rates");
///
/// app.apply_yaml("outgoing_loopback: []").await?;
/// assert_eq!((app.generation(), app.connections().len()), (2, 0));
/// assert!(app.stop().await.is_empty(), "nothing had to be cut");
/// # Ok(())
/// # }
/// ```
#[must_use = "an app ends when it is dropped"]
pub struct Running {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

/// A configuration that is in force.
///
/// ```
/// use zato_core::app::App;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let app = App::new("bank").start().await?;
/// let applied = app.apply_yaml("outgoing_loopback: [{name: Rates}]").await?;
/// assert_eq!(applied.changes[0].to_string(), "added outgoing_loopback \"Rates\"");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The number of the configuration: 1 is the one that the app started with.
    pub generation: u64,
    /// What it changed; empty if it was the same as the one before, which then stays in force.
    pub changes: Vec<Change>,
}

impl Applied {
    pub(super) fn new(generation: u64, changes: Vec<Change>) -> Self {
        Self { generation, changes }
    }
}

impl Running {
    pub(super) fn new(shared: Arc<Shared>, commands: mpsc::Sender<Command>, task: JoinHandle<()>) -> Self {
        Self { shared, commands, task }
    }

    /// Returns where the app can be reached, such as `http://127.0.0.1:17010`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.shared.addresses()
    }

    /// Returns the number of the configuration that is in force.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared.current.load().number
    }

    /// Reads the configuration again and applies it.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config) with everything that is wrong; then nothing was changed.
    pub async fn reload(&self) -> Result<Applied> {
        self.ask(Command::Reload).await?
    }

    /// Applies a configuration from a text, from now on in place of the one before.
    ///
    /// # Errors
    ///
    /// As [`Running::reload`].
    pub async fn apply_yaml(&self, text: impl Into<String>) -> Result<Applied> {
        let text = text.into();
        self.ask(|reply| Command::Apply(text, reply)).await?
    }

    /// Stops taking messages in, lets those in work finish within `server.shutdown_timeout`, closes every connection,
    /// and returns what had to be cut, in words.
    pub async fn stop(self) -> Vec<String> {
        self.ask(Command::Stop).await.unwrap_or_default()
    }

    /// Tells whoever started the program that it serves from now on: systemd, where the unit has `Type=notify`, and the
    /// process that is taken over. [`App::run`](super::App::run) does so by itself.
    pub fn tell_ready(&self) {
        supervisor::ready();
    }

    /// Starts the program anew, by its file as it is now, hands over the sockets that the app listens on, and waits until
    /// the new process serves. Returns its id, and this one is to [`stop`](Running::stop) then: nobody is refused at any
    /// time. Does what [`App::run`](super::App::run) does upon `SIGUSR2`.
    ///
    /// The new process has the same arguments, environment and folder. It tells that it serves by
    /// [`Running::tell_ready`], or by itself if it [runs](super::App::run).
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::Kind::Unavailable) if it can't be started, ends, or does not serve within
    /// `server.takeover_timeout`. Then it is gone and this one goes on.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the new process is ended.
    #[cfg(unix)]
    pub async fn hand_over(&self) -> Result<u32> {
        self.hand_over_with(Vec::new()).await
    }

    /// Hands over as [`Running::hand_over`] does, and sockets beside those of the app, such as that of a server which the
    /// app is nested in. The new process finds them in [`Inherited`](crate::channel::Inherited).
    ///
    /// # Errors
    ///
    /// As [`Running::hand_over`].
    ///
    /// # Cancel safety
    ///
    /// As [`Running::hand_over`].
    #[cfg(unix)]
    pub async fn hand_over_with(&self, mut sockets: Vec<std::net::TcpListener>) -> Result<u32> {
        let not_found = |error: &Arc<std::io::Error>| {
            Error::unavailable("the file of this program was not found").with_source(Arc::clone(error))
        };
        let program = self.shared.program.as_ref().map_err(not_found)?;
        let uncopied = |error| Error::unavailable("the sockets can't be handed over").with_source(error);
        sockets.extend(self.shared.listeners().map_err(uncopied)?);
        let patience = self.shared.current.load().server.takeover_timeout.0;
        info!(program = %program.display(), sockets = sockets.len(), "starting a new process that takes over");
        let process = takeover::hand_over(program, sockets, patience).await?;
        supervisor::taken_over_by(process);
        info!(process, "a new process has taken over");
        Ok(process)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::unavailable("the app has stopped");
        self.commands.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Invokes a service from outside any request, typed, under a new correlation id.
    ///
    /// # Errors
    ///
    /// What the service fails with; [`Config`](crate::Kind::Config) if it is not part of the app.
    pub async fn invoke<S: Service>(&self, input: S::Input) -> Result<S::Output> {
        let channel = self.shared.router().channel_of_type(TypeId::of::<S>());
        let unknown = || Error::config(format!("the service {} is not part of the app", std::any::type_name::<S>()));
        let reply = self.serve(channel.ok_or_else(unknown)?, Payload::typed(input)).await?;
        let replaced = || Error::internal("a layer answered in the service's place with another type");
        match reply.into_parts().2.0 {
            Content::Typed(typed) => typed.downcast().map(|output| *output).map_err(|_| replaced()),
            Content::Bytes(_) | Content::Value(_) | Content::Stream(_) => Err(replaced()),
        }
    }

    /// Invokes a service by its name, with a dynamic value.
    ///
    /// # Errors
    ///
    /// What the service fails with; [`NotFound`](crate::Kind::NotFound) if there is none of that name.
    pub async fn invoke_by_name(&self, service: &str, input: Value) -> Result<Value> {
        let info = self.shared.router().channel_of(service);
        let channel = info.unwrap_or_else(|| Arc::new(ChannelInfo::new("invoke", "invoke", service)));
        self.serve(channel, Payload::from(input)).await?.into_value()
    }

    async fn serve(&self, channel: Arc<ChannelInfo>, payload: Payload) -> Result<Reply> {
        let router = self.shared.router();
        let service = channel.service.clone();
        let message = Message::new(self.shared.app.ambient.cid(), channel, payload);
        router.serve(&service, message).await
    }

    /// Returns a context for calls that no request began, such as those of a program's own loop: under a new correlation
    /// id, through the channel `program`, as the service that the app is named after.
    ///
    /// It keeps the configuration that is in force; ask again after a change. What is invoked with it takes no place among
    /// `server.max_concurrent_requests`, and no longer than whoever invoked it waits.
    #[must_use]
    pub fn context(&self) -> Context {
        let app = &self.shared.app;
        let channel = Arc::new(ChannelInfo::new("program", "program", app.name.as_str()));
        let message = Message::new(app.ambient.cid(), channel, Payload::empty());
        let surroundings = Surroundings { ambient: app.ambient.clone(), dispatch: self.shared.router() };
        Context::new(message.head, Bytes::new(), surroundings)
    }

    /// Returns the handle of an outgoing connection of the configuration that is in force; ask again after a change.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Kind::Config), listing what there is, if there is none of that name.
    pub fn out<H: Handle>(&self, name: &str) -> Result<H> {
        self.shared.current.load().connections.get(name)
    }

    /// Returns how every outgoing connection stands.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        self.shared.current.load().connections.statuses().collect()
    }

    /// Returns how everything stands that leads to another system: outgoing connections, the links of what they share, and
    /// what channels hold, such as consumers of a broker.
    #[must_use]
    pub fn statuses(&self) -> Vec<ConnectionStatus> {
        self.shared.statuses()
    }

    /// Returns the statistics of every service.
    #[must_use]
    pub fn statistics(&self) -> Vec<ServiceStatistics> {
        self.shared.recorders.iter().map(|(service, recorder)| recorder.read(service)).collect()
    }

    /// Returns the definition of every service.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.shared.app.registrations.iter().map(|registration| &registration.definition)
    }

    /// Returns a channel of a technology, if the app has it.
    #[must_use]
    pub fn channel<C: Channel>(&self) -> Option<&C> {
        self.shared.app.channels.iter().find_map(|channel| channel.as_any().downcast_ref())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.app.background.cut();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("app", &self.shared.app.name)
            .field("generation", &self.generation())
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}
