//! The client's end of a connection.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{self, Instant, Sleep},
};

use super::{Memory, server::Id};

/// The client's end of a connection to a [`Memory`]: what a socket is to a server elsewhere.
///
/// Commands are carried out by whoever writes or reads, so that there is no task behind it. Dropping it ends the
/// connection.
///
/// ```
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
/// use zato_redis::memory::Memory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut stream = Memory::new().stream();
/// stream.write_all(b"PING\r\n").await?;
/// let mut answer = [0; 7];
/// stream.read_exact(&mut answer).await?;
/// assert_eq!(&answer, b"+PONG\r\n");
/// # Ok(())
/// # }
/// ```
pub struct MemoryStream {
    memory: Memory,
    id: Id,
    /// When something has to be looked at again without anybody writing anything.
    timer: Option<Pin<Box<Sleep>>>,
}

impl MemoryStream {
    pub(super) fn new(memory: Memory, id: Id) -> Self {
        Self { memory, id, timer: None }
    }

    /// Sets the timer, and tells whether its time is over.
    fn poll_timer(&mut self, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = at else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let (bytes, due) = {
                let mut server = this.memory.lock();
                server.serve(this.id);
                let bytes = server.session(this.id).give_out(buf.remaining(), cx.waker());
                (bytes, server.due(this.id))
            };
            if let Some(bytes) = bytes {
                buf.put_slice(&bytes);
                return Poll::Ready(Ok(()));
            }
            if this.poll_timer(due, cx).is_pending() {
                return Poll::Pending;
            }
            this.timer = None;
        }
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut server = self.memory.lock();
        if server.session(self.id).is_ending() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !server.session(self.id).take_in(bytes, cx.waker()) {
            return Poll::Pending;
        }
        server.serve(self.id);
        server.session(self.id).wake();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.memory.lock().close(self.id);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.memory.lock().leave(self.id);
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream").field("id", &self.id).finish_non_exhaustive()
    }
}
