//! What the tests share: apps that listen, a client that speaks HTTP/1.1 byte by byte, replies written out whole.

use std::{fmt, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use zato::{App, Running, http::StatusCode, rest::RestChannels, testing, testing::TestReply};

/// Longer than anything here takes; a test that waits for more has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An app with fixed ids that listens on a socket, where its `server.bind` says.
pub(crate) fn listening_app(name: &str) -> App {
    testing::app(name).channel(RestChannels::new())
}

/// The only address of an app, without its scheme.
pub(crate) fn address(app: &Running) -> String {
    let [address] = app.addresses().try_into().expect("one address");
    let (_, address) = address.split_once("://").expect("an address has a scheme");
    address.to_owned()
}

/// The correlation id that an app with fixed ids makes as its `number`th.
pub(crate) fn cid(number: u64) -> String {
    format!("{number:024x}")
}

/// A reply as a caller sees it: status, headers by name, body. `Date`, which is never the same, is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// A reply of JSON.
    pub(crate) fn json(status: u16, cid: &str, body: &str) -> Self {
        Self::new(status, cid, "application/json", body)
    }

    /// A reply with a body of some type.
    pub(crate) fn new(status: u16, cid: &str, content_type: &str, body: &str) -> Self {
        Self::empty(status, cid).header("content-type", content_type).body(body)
    }

    /// A reply without a body.
    pub(crate) fn empty(status: u16, cid: &str) -> Self {
        Self { status, headers: vec![("x-zato-cid".to_owned(), cid.to_owned())], body: String::new() }
    }

    /// Problem details.
    pub(crate) fn problem(status: u16, cid: &str, detail: &str) -> Self {
        Self::problem_with(status, cid, detail, "")
    }

    /// Problem details that say what is wrong with an input: each place, and what is wrong there. A value that is
    /// repeated stands behind that: `expected an integer, got a string (value: x)`.
    pub(crate) fn faults(cid: &str, faults: &[(&str, &str)]) -> Self {
        let fault =
            |(path, detail): &(&str, &str)| match detail.strip_suffix(')').and_then(|it| it.split_once(" (value: ")) {
                None => format!(r#"{{"path":{},"detail":{}}}"#, json!(path), json!(detail)),
                Some((detail, value)) => {
                    format!(r#"{{"path":{},"detail":{},"value":{}}}"#, json!(path), json!(detail), json!(value))
                }
            };
        let faults: Vec<_> = faults.iter().map(fault).collect();
        Self::problem_with(400, cid, "the input can't be used", &format!(r#","errors":[{}]"#, faults.join(",")))
    }

    /// Problem details, with their members in the order of RFC 9457.
    fn problem_with(status: u16, cid: &str, detail: &str, more: &str) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let (title, detail) = (json!(title), json!(detail));
        let start =
            format!(r#""type":"about:blank","title":{title},"status":{status},"detail":{detail},"cid":"{cid}""#);
        Self::new(status, cid, "application/problem+json", &format!("{{{start}{more}}}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self.headers.sort();
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// The same as it goes over a connection, with the length of the body.
    pub(crate) fn on_the_wire(self) -> Self {
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }
}

impl From<TestReply> for Answer {
    fn from(reply: TestReply) -> Self {
        let text = |value: &zato::http::HeaderValue| value.to_str().expect("a header is ASCII").to_owned();
        let headers = reply.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        let mut headers: Vec<_> = headers.collect();
        headers.sort();
        Self { status: reply.status.as_u16(), headers, body: reply.text().to_owned() }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)
    }
}

/// Compares two replies, whole.
#[track_caller]
pub(crate) fn assert_answer(reply: impl Into<Answer>, expected: &Answer) {
    let reply = reply.into();
    assert!(reply == *expected, "got:\n{reply}\n\nexpected:\n{expected}\n");
}

/// A connection to an app, over which bytes go as they are.
pub(crate) struct Wire<S = TcpStream>(BufReader<S>);

impl Wire {
    pub(crate) async fn to(app: &Running) -> Self {
        Self::to_address(&address(app)).await
    }

    pub(crate) async fn to_address(address: &str) -> Self {
        Self::over(TcpStream::connect(address).await.expect("the app listens"))
    }

    /// Connects from an address of this machine.
    pub(crate) async fn from(source: &str, app: &Running) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{source}:0").parse().expect("an address")).expect("the address is this machine's");
        let to = address(app).parse().expect("an address");
        Self(BufReader::new(socket.connect(to).await.expect("the app listens")))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the app takes bytes");
        self.0.flush().await.expect("the app takes bytes");
    }

    /// Sends as much as the app takes, and returns whether that was all.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Reads so many bytes, and returns how many there were.
    pub(crate) async fn some(&mut self, number: usize) -> usize {
        let mut bytes = vec![0; number];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.expect("bytes in time").expect("bytes")
    }

    /// Says that nothing more is coming, and goes on listening.
    pub(crate) async fn end(&mut self) {
        self.0.get_mut().shutdown().await.expect("the connection is open");
    }

    /// Sends `GET` and returns what comes back.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        self.answer().await
    }

    /// Sends `POST` and returns what comes back.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        self.answer().await
    }

    /// Reads one reply.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, length)| length.parse().expect("a length is a number"));
        let mut body = vec![0; length];
        timeout(PATIENCE, self.0.read_exact(&mut body)).await.expect("a body in time").expect("a body");
        answer.body = String::from_utf8(body).expect("the body is UTF-8");
        answer
    }

    /// Reads a reply to `HEAD`, which has no body whatever its length says.
    pub(crate) async fn head(&mut self) -> Answer {
        let status = self.line().await;
        let status = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).expect("a status line");
        let (status, mut headers) = (status.parse().expect("a status"), Vec::new());
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else { break };
            if name != "date" {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        headers.sort();
        Answer { status, headers, body: String::new() }
    }

    /// Waits until the app ends the connection, and returns what came until then.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A connection that is cut while we were sending ends with a reset, which is an end, too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("the app ends the connection");
        String::from_utf8(rest).expect("what came is UTF-8")
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("an answer in time").expect("an answer");
        line.trim_end().to_owned()
    }
}

/// Waits until something has become true that nobody tells about.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let waiting = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("it takes too long until {what}"));
}

/// A file of configuration in a folder of its own, which ends with the value.
pub(crate) struct ConfigFile {
    folder: tempfile::TempDir,
}

impl ConfigFile {
    pub(crate) fn new(text: &str) -> Self {
        let file = Self { folder: tempfile::tempdir().expect("a folder for the test") };
        file.write(text);
        file
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.beside("zato.yaml")
    }

    pub(crate) fn beside(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Writes in place, as `echo >` does.
    pub(crate) fn write(&self, text: &str) {
        self.write_beside("zato.yaml", text);
    }

    /// Writes another file of the same folder, or of one in it.
    pub(crate) fn write_beside(&self, name: &str, text: &str) {
        let path = self.beside(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder for the file");
        std::fs::write(path, text).expect("the file can be written");
    }

    /// Writes another file and puts it in the place of the first, as editors do.
    pub(crate) fn replace(&self, text: &str) {
        self.write_beside("zato.yaml.swp", text);
        std::fs::rename(self.beside("zato.yaml.swp"), self.path()).expect("the file can be replaced");
    }

    /// What stands before the line and column of a fault.
    pub(crate) fn name(&self) -> String {
        self.path().display().to_string()
    }
}
