//! How a server and whoever measures it talk: a line each way, on standard input and output.

use std::{
    io::{self, BufRead as _, Write as _},
    thread,
};

use tokio::sync::mpsc;

use crate::Result;

/// What the client wants: a line for each thing to do, and the end when it no longer wants the server.
pub(crate) struct Orders(mpsc::Receiver<String>);

impl Orders {
    /// Reads standard input on a thread of its own, which ends with the input.
    pub(crate) fn listen() -> Self {
        let (sender, orders) = mpsc::channel(1);
        thread::spawn(move || {
            // An error is an end as well: in both cases there is no client any more.
            io::stdin().lock().lines().map_while(|line| line.ok()).try_for_each(|line| sender.blocking_send(line))
        });
        Self(orders)
    }

    /// Waits for the next order; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) {
        while self.next().await.is_some() {}
    }
}

/// Tells the client where to connect; each server calls it once, when it can be reached.
pub(crate) fn listening(url: &str) -> Result<()> {
    say(&format!("listening {}", url.trim_start_matches("http://")))
}

/// Prints one line and flushes it, since a pipe is not flushed at line ends.
pub(crate) fn say(line: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
