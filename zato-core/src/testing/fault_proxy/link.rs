//! One connection through the proxy.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time,
};

use super::{Direction, LinkFault, Setting};

/// How often a throttled connection gets its share.
const SHARE: Duration = Duration::from_millis(20);

const SHARES_IN_A_SECOND: u64 = 50;

/// A connection, and where it leads.
pub(super) struct Link {
    client: TcpStream,
    target: SocketAddr,
    settings: watch::Receiver<Setting>,
    /// The number of the setting that it began under.
    begun: u64,
}

/// How a connection ends before both sides have ended it.
enum End {
    /// With a reset, for both sides.
    Reset,
    /// As if nothing more were to be said.
    Cut,
}

impl Link {
    pub(super) fn new(client: TcpStream, target: SocketAddr, settings: watch::Receiver<Setting>) -> Self {
        let begun = settings.borrow().number;
        Self { client, target, settings, begun }
    }

    pub(super) async fn run(mut self) {
        let Ok(mut server) = TcpStream::connect(self.target).await else {
            reset(&self.client);
            return;
        };
        // Delays are ours to decide.
        let _ = (self.client.set_nodelay(true), server.set_nodelay(true));
        let ended = self.carry(&mut server).await;
        if matches!(ended, Err(End::Reset)) {
            reset(&self.client);
            reset(&server);
        }
    }

    async fn carry(&mut self, server: &mut TcpStream) -> Result<(), End> {
        let (from_client, to_client) = self.client.split();
        let (from_server, to_server) = server.split();
        let (settings, begun) = (&self.settings, self.begun);
        let pump = |direction, from, to| {
            let (settings, number, passed) = (settings.clone(), begun, 0);
            Pump { direction, from, to, settings, begun, number, passed }.run()
        };
        let mut settings = settings.clone();
        tokio::select! {
            ended = async { tokio::try_join!(
                pump(Direction::ToServer, from_client, to_server),
                pump(Direction::ToClient, from_server, to_client),
            ) } => ended.map(|_| ()),
            _ = settings.wait_for(|setting| setting.fault.ends_connections()) => Err(End::Reset),
        }
    }
}

/// Has the connection end with a reset when it is dropped, whatever is still to be sent.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// What carries bytes one way.
struct Pump<'a> {
    direction: Direction,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    settings: watch::Receiver<Setting>,
    begun: u64,
    /// Which setting the bytes are counted for.
    number: u64,
    passed: u64,
}

impl Pump<'_> {
    async fn run(mut self) -> Result<(), End> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            self.wait_while(LinkFault::Stall).await;
            // A side that resets is a reset for the other one, too.
            let read = self.from.read(&mut buffer).await.map_err(|_| End::Reset)?;
            self.wait_while(LinkFault::Stall).await;
            let Some(piece) = buffer.get_mut(..read).filter(|piece| !piece.is_empty()) else {
                return self.to.shutdown().await.map_err(|_| End::Reset);
            };
            self.pass(piece).await?;
        }
    }

    /// Hands a piece on, as far as the fault lets it.
    async fn pass(&mut self, piece: &mut [u8]) -> Result<(), End> {
        let fault = self.fault();
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let left = |limit: u64| usize::try_from(limit.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        let (before, limit) = (self.passed, fault.limit().map(left));
        self.passed += length;
        match (fault, limit) {
            (fault, Some(limit)) if limit <= piece.len() => {
                let (first, rest) = piece.split_at(limit);
                self.write(first).await?;
                self.exhausted(&fault, rest).await
            }
            (LinkFault::Delay(_, by), _) => {
                time::sleep(by).await;
                self.write(piece).await
            }
            (LinkFault::Throttle(_, each_second), _) => self.throttled(piece, each_second).await,
            (LinkFault::Corrupt(_, at), _) => {
                let at = at.checked_sub(before).and_then(|at| usize::try_from(at).ok());
                if let Some(byte) = at.and_then(|at| piece.get_mut(at)) {
                    *byte = !*byte;
                }
                self.write(piece).await
            }
            (LinkFault::Replace(_, bytes), _) => {
                self.write(&bytes).await?;
                Err(End::Cut)
            }
            _ => self.write(piece).await,
        }
    }

    /// What happens when everything has passed that may; `rest` is what came with the last of it.
    async fn exhausted(&mut self, fault: &LinkFault, rest: &[u8]) -> Result<(), End> {
        match fault {
            LinkFault::ResetAfter(..) => {
                // What was written has to arrive before the reset, which overtakes everything.
                time::sleep(Duration::from_millis(20)).await;
                Err(End::Reset)
            }
            LinkFault::CutAfter(..) => Err(End::Cut),
            LinkFault::HalfCloseAfter(..) => {
                self.to.shutdown().await.map_err(|_| End::Reset)?;
                self.swallow().await
            }
            fault => {
                self.wait_while(fault.clone()).await;
                self.write(rest).await
            }
        }
    }

    /// Takes in what nobody is told any more.
    async fn swallow(&mut self) -> Result<(), End> {
        let mut buffer = [0; 1024];
        while self.from.read(&mut buffer).await.map_err(|_| End::Reset)? > 0 {}
        Ok(())
    }

    async fn throttled(&mut self, piece: &[u8], each_second: u64) -> Result<(), End> {
        let share = usize::try_from((each_second / SHARES_IN_A_SECOND).max(1)).unwrap_or(usize::MAX);
        for part in piece.chunks(share) {
            time::sleep(SHARE).await;
            self.write(part).await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.to.write_all(bytes).await.map_err(|_| End::Reset)
    }

    /// What is in force for this direction; a new one counts from 0.
    fn fault(&mut self) -> LinkFault {
        let setting = self.settings.borrow_and_update();
        if setting.number != self.number {
            (self.number, self.passed) = (setting.number, 0);
        }
        setting.fault.going(self.direction).clone()
    }

    /// Waits as long as a fault is in force; forever, once the connection is forgotten.
    async fn wait_while(&mut self, fault: LinkFault) {
        let (direction, begun) = (self.direction, self.begun);
        let goes_on = |setting: &Setting| setting.forgotten <= begun && *setting.fault.going(direction) != fault;
        // It fails when the proxy is gone, and with it this task.
        let _ = self.settings.wait_for(goes_on).await;
    }
}

impl LinkFault {
    /// How many bytes pass before something happens.
    fn limit(&self) -> Option<u64> {
        match self {
            Self::StallAfter(_, limit)
            | Self::ResetAfter(_, limit)
            | Self::CutAfter(_, limit)
            | Self::HalfCloseAfter(_, limit) => Some(*limit),
            _ => None,
        }
    }
}
