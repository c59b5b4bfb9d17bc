//! The threads that connections are served on.

use std::{
    io,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    time::{Instant, timeout_at},
};
use tracing::{error, warn};

/// How long what a service has spawned on a worker's blocking threads may take when everything else has ended.
const LINGER: Duration = Duration::from_millis(100);

/// Where connections are served: on the runtime that the app was started in, or on threads with a runtime each.
///
/// They stay when the address changes. What a request has begun on one, such as a connection of a pool, would end with
/// its thread.
#[derive(Debug)]
pub(crate) struct Workers {
    handles: Vec<Handle>,
    threads: Mutex<Vec<Worker>>,
}

/// A thread with a runtime.
#[derive(Debug)]
struct Worker {
    name: String,
    /// Dropped, it lets the thread end.
    stop: oneshot::Sender<()>,
    /// Fails when the thread has ended.
    ended: oneshot::Receiver<()>,
    thread: thread::JoinHandle<()>,
}

impl Workers {
    /// Starts threads; `None` for the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// The operating system's, if it gives no more threads or descriptors.
    pub(crate) fn start(threads: Option<NonZeroUsize>) -> io::Result<Self> {
        let Some(number) = threads else {
            return Ok(Self { handles: vec![Handle::current()], threads: Mutex::default() });
        };
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for index in 0..number.get() {
            let (handle, worker) = Worker::start(format!("zato-worker-{index}"))?;
            handles.push(handle);
            threads.push(worker);
        }
        Ok(Self { handles, threads: Mutex::new(threads) })
    }

    /// Returns the runtime of each, of which there is one at least.
    pub(crate) fn handles(&self) -> &[Handle] {
        &self.handles
    }

    pub(crate) fn number(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.handles.len()).unwrap_or(NonZeroUsize::MIN)
    }

    /// Ends the threads, and waits for them until a deadline. One that is held up by a service which gives the thread
    /// never back is left alone.
    pub(crate) async fn stop(&self, deadline: Instant) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = deadline.max(Instant::now() + LINGER * 3);
        // All are told before one is waited for.
        let ending: Vec<_> = threads
            .into_iter()
            .map(|Worker { name, stop, ended, thread }| {
                drop(stop);
                (name, ended, thread)
            })
            .collect();
        for (worker, ended, thread) in ending {
            if timeout_at(deadline, ended).await.is_err() {
                warn!(worker, "a thread is held up and is left alone");
            } else if thread.join().is_err() {
                error!(worker, "a thread has panicked");
            }
        }
    }
}

impl Worker {
    fn start(name: String) -> io::Result<(Handle, Self)> {
        let runtime = Builder::new_current_thread().enable_all().thread_name(format!("{name}-blocking")).build()?;
        let handle = runtime.handle().clone();
        let (stop, told) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let thread = thread::Builder::new().name(name.clone()).spawn(move || {
            // Dropped at the very end, also by a panic.
            let _ends: oneshot::Sender<()> = ends;
            // Whether somebody has said so or is gone, it is the end.
            let _ = runtime.block_on(told);
            runtime.shutdown_timeout(LINGER);
        })?;
        Ok((handle, Self { name, stop, ended, thread }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Workers {
        Workers::start(NonZeroUsize::new(3)).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn each_has_a_thread_of_its_own_which_ends() {
        let workers = three();
        let mut names = Vec::new();
        for handle in workers.handles() {
            let task = handle.spawn(async { thread::current().name().map(str::to_owned) });
            names.push(task.await.unwrap().unwrap());
        }
        assert_eq!(names, ["zato-worker-0", "zato-worker-1", "zato-worker-2"]);
        workers.stop(soon()).await;
        assert!(workers.threads.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_that_is_held_up_does_not_hold_up_the_end() {
        let workers = three();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (entered, is_held) = oneshot::channel();
        workers.handles()[0].spawn(async move {
            let _ = entered.send(());
            let _ = held.recv();
        });
        is_held.await.unwrap();
        workers.stop(Instant::now() + Duration::from_millis(50)).await;
        drop(release);
    }

    #[tokio::test]
    async fn the_shared_runtime_is_this_one() {
        let workers = Workers::start(None).unwrap();
        assert_eq!(workers.handles().len(), 1);
        assert_eq!(workers.handles()[0].id(), Handle::current().id());
        workers.stop(soon()).await;
    }
}
