//! The client: one connection that is kept, one request after the other, each reply looked at.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use super::jobs::Asked;
use crate::Result;

/// A server that takes longer than this for one reply has stopped working, also under valgrind.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    /// Correlation ids of all replies so far, none of which may come twice.
    seen: HashSet<String>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), address, seen: HashSet::new() })
    }

    /// Sends that many requests, and returns how long that took.
    pub(crate) fn send(&mut self, requests: u32, asked: &Asked) -> Result<Duration> {
        let bytes = asked.bytes(self.address);
        let start = Instant::now();
        for number in 1..=requests {
            self.exchange(&bytes, asked).map_err(|error| format!("reply {number} of {requests}: {error}"))?;
        }
        Ok(start.elapsed())
    }

    fn exchange(&mut self, request: &[u8], asked: &Asked) -> Result<()> {
        self.stream.get_mut().write_all(request)?;
        let status = self.line()?;
        let mut headers = Headers::default();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            headers.take(&line, asked.reply_type)?;
        }
        let mut body = vec![0; headers.length.ok_or("it has no content-length")?];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body);
        if status != "HTTP/1.1 200 OK" || body != asked.reply {
            return Err(format!("it is {status:?} with {body:?}").into());
        }
        self.check_cid(headers.cid.ok_or("it has no x-zato-cid")?)
    }

    fn check_cid(&mut self, cid: String) -> Result<()> {
        if cid.len() != 24 || !cid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(format!("its x-zato-cid {cid:?} is not 24 hexadecimal digits").into());
        }
        if let Some(cid) = self.seen.replace(cid) {
            return Err(format!("its x-zato-cid {cid:?} was on an earlier reply").into());
        }
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.strip_suffix("\r\n").ok_or("the connection was closed")?.to_owned())
    }
}

/// The headers that matter here.
#[derive(Default)]
struct Headers {
    length: Option<usize>,
    cid: Option<String>,
}

impl Headers {
    fn take(&mut self, line: &str, content_type: &str) -> Result<()> {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("{line:?} is no header"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => self.length = Some(value.parse()?),
            "x-zato-cid" => self.cid = Some(value.to_owned()),
            "content-type" if value != content_type => {
                return Err(format!("its content-type is {value:?}").into());
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::{super::jobs, Client};

    /// Sends two requests to a server that gives these replies, and returns what the client finds wrong.
    fn fault(replies: [String; 2]) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for reply in replies {
                let mut request = [0; 1024];
                if stream.read(&mut request).unwrap() == 0 {
                    break;
                }
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        let found = Client::connect(address).unwrap().send(2, &jobs::client()).err().map(|error| error.to_string());
        server.join().unwrap();
        found
    }

    fn reply(cid: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Zato-CID: {cid}\r\n\r\n{body}", body.len())
    }

    const REPLY_BODY: &str = r#"{"name":"Jane Doe","email":"","segment":"RNZ"}"#;
    const FIRST: &str = "0123456789abcdef01234567";
    const SECOND: &str = "0123456789abcdef01234568";

    #[test]
    fn right_replies_are_accepted() {
        assert_eq!(fault([reply(FIRST, REPLY_BODY), reply(SECOND, REPLY_BODY)]), None);
    }

    #[test]
    fn each_reply_has_a_correlation_id_of_its_own() {
        let twice = fault([reply(FIRST, REPLY_BODY), reply(FIRST, REPLY_BODY)]).unwrap();
        assert_eq!(twice, format!("reply 2 of 2: its x-zato-cid {FIRST:?} was on an earlier reply"));
        let short = fault([reply("abc", REPLY_BODY), String::new()]).unwrap();
        assert_eq!(short, "reply 1 of 2: its x-zato-cid \"abc\" is not 24 hexadecimal digits");
    }

    #[test]
    fn wrong_replies_are_quoted() {
        let body = fault([reply(FIRST, "{}"), String::new()]).unwrap();
        assert_eq!(body, "reply 1 of 2: it is \"HTTP/1.1 200 OK\" with \"{}\"");
        let status = reply(FIRST, REPLY_BODY).replace("200 OK", "500 Oh");
        assert!(fault([status, String::new()]).unwrap().starts_with("reply 1 of 2: it is \"HTTP/1.1 500 Oh\" with"));
        let kind = reply(FIRST, REPLY_BODY).replace("\r\n\r\n", "\r\ncontent-type: text/html\r\n\r\n");
        assert_eq!(fault([kind, String::new()]).unwrap(), "reply 1 of 2: its content-type is \"text/html\"");
        let closed = fault([reply(FIRST, REPLY_BODY), String::new()]).unwrap();
        assert_eq!(closed, "reply 2 of 2: the connection was closed");
    }
}
