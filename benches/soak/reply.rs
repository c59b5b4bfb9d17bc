//! Requests and replies of HTTP/1.1, as a client that is well behaved sends and reads them.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf, split};

use crate::wire::Wire;

/// A connection that requests go over one after the other.
pub(crate) struct Http1 {
    reader: BufReader<ReadHalf<Wire>>,
    writer: WriteHalf<Wire>,
}

/// What came back.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) encoding: String,
    /// Whether the connection ends with it.
    pub(crate) is_last: bool,
    has_cid: bool,
    length: Option<usize>,
    pub(crate) body: Vec<u8>,
}

impl Http1 {
    pub(crate) fn new(wire: Wire) -> Self {
        let (reader, writer) = split(wire);
        Self { reader: BufReader::with_capacity(16 * 1024, reader), writer }
    }

    /// Sends a request, and reads its reply meanwhile: a service that echoes may answer before it has read everything.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Reply> {
        let Self { reader, writer } = self;
        let sending = async {
            writer.write_all(request).await?;
            writer.flush().await
        };
        let ((), reply) = tokio::try_join!(sending, read(reader))?;
        Ok(reply)
    }

    /// Waits for the end of the connection.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        match self.reader.read(&mut [0]).await? {
            0 => Ok(()),
            _ => Err(io::Error::other("bytes after the last reply")),
        }
    }
}

async fn read(reader: &mut BufReader<ReadHalf<Wire>>) -> io::Result<Reply> {
    let mut reply = Reply::default();
    let mut line = line(reader).await?;
    reply.status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| wrong(&line))?;
    loop {
        line = self::line(reader).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| wrong(&line))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => reply.length = Some(value.parse().map_err(|_| wrong(&line))?),
            "content-encoding" => reply.encoding = value.to_owned(),
            "x-zato-cid" => reply.has_cid = true,
            "connection" => reply.is_last = value == "close",
            _ => {}
        }
    }
    if !reply.has_cid {
        return Err(io::Error::other(format!("a reply with {} has no x-zato-cid", reply.status)));
    }
    match reply.length {
        Some(length) => {
            reply.body.resize(length, 0);
            reader.read_exact(&mut reply.body).await?;
        }
        None => read_chunks(reader, &mut reply.body).await?,
    }
    Ok(reply)
}

async fn read_chunks(reader: &mut BufReader<ReadHalf<Wire>>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = line(reader).await?;
        let size = usize::from_str_radix(&size, 16).map_err(|_| wrong(&size))?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(body.get_mut(start..).unwrap_or_default()).await?;
        if !line(reader).await?.is_empty() {
            return Err(io::Error::other("a chunk that is longer than its size"));
        }
        if size == 0 {
            return Ok(());
        }
    }
}

async fn line(reader: &mut BufReader<ReadHalf<Wire>>) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed")),
    }
}

fn wrong(line: &str) -> io::Error {
    io::Error::other(format!("{line:?} is no line of a reply"))
}
