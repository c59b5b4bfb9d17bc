//! RabbitMQ's management API: what an operator sees and does, for tests to look at and to do.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::node::Place;

/// The management API of a broker. What is said to be in a virtual host is in this test's.
///
/// Numbers are those of the broker's last report, a quarter of a second old at most: ask [`until`](super::until) they
/// are as expected.
#[derive(Clone, Debug)]
pub(crate) struct Management {
    /// Host and port.
    address: String,
    /// User and password, as a header has them.
    credentials: String,
    vhost: String,
}

/// A connection that a client has.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// What the broker calls it.
    pub(crate) name: String,
    /// What the client calls it, in its property `connection_name`.
    pub(crate) client_name: Option<String>,
    /// `running`, `blocked`, `blocking` or `flow`, among others.
    pub(crate) state: String,
    /// How many channels it has.
    pub(crate) channels: u64,
    /// Whether it speaks TLS.
    pub(crate) is_tls: bool,
}

/// A queue, with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    /// Those to be delivered and those that wait for an acknowledgement.
    pub(crate) messages: u64,
    pub(crate) ready: u64,
    pub(crate) unacknowledged: u64,
    pub(crate) consumers: u64,
}

/// A message that was taken out of a queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) is_redelivered: bool,
    /// The properties that it has, headers among them.
    pub(crate) properties: Value,
    pub(crate) body: Vec<u8>,
}

impl Management {
    pub(super) fn new(base: &str, vhost: &str) -> Self {
        let (user, address) =
            base.strip_prefix("http://").and_then(|rest| rest.split_once('@')).expect("a URL of ours");
        let credentials = format!("Basic {}", BASE64.encode(user));
        Self { address: address.to_owned(), credentials, vhost: vhost.to_owned() }
    }

    /// The connections to the virtual host.
    pub(crate) async fn connections(&self) -> Vec<Connection> {
        let all = self.get(&["vhosts", &self.vhost, "connections"]).await;
        let each = all.as_array().into_iter().flatten().map(|connection| Connection {
            name: text(connection, "/name").unwrap_or_default(),
            client_name: text(connection, "/client_properties/connection_name"),
            state: text(connection, "/state").unwrap_or_default(),
            channels: count(connection, "/channels"),
            is_tls: is_true(connection, "/ssl"),
        });
        each.collect()
    }

    /// Closes a connection, whose client is told `CONNECTION_FORCED`; returns whether there was one.
    pub(crate) async fn close_connection(&self, name: &str) -> bool {
        self.ask(Method::DELETE, &["connections", name], Value::Null).await.0.is_success()
    }

    /// Closes every connection to the virtual host that the broker has reported; returns how many.
    pub(crate) async fn close_connections(&self) -> usize {
        let mut closed = 0;
        for connection in self.connections().await {
            closed += usize::from(self.close_connection(&connection.name).await);
        }
        closed
    }

    /// A queue of the virtual host, if there is one.
    pub(crate) async fn queue(&self, name: &str) -> Option<Queue> {
        let (status, queue) = self.ask(Method::GET, &["queues", &self.vhost, name], Value::Null).await;
        if status == StatusCode::NOT_FOUND {
            return None;
        }
        let queue: Value = serde_json::from_slice(&queue).expect("it is JSON");
        Some(Queue {
            name: name.to_owned(),
            messages: count(&queue, "/messages"),
            ready: count(&queue, "/messages_ready"),
            unacknowledged: count(&queue, "/messages_unacknowledged"),
            consumers: count(&queue, "/consumers"),
        })
    }

    /// How many messages of a queue were acknowledged since the broker was started.
    pub(crate) async fn acknowledged(&self, queue: &str) -> u64 {
        count(&self.get(&["queues", &self.vhost, queue]).await, "/message_stats/ack")
    }

    /// Declares a durable queue, with arguments such as `{"x-max-length": 1}`.
    pub(crate) async fn declare_queue(&self, name: &str, arguments: Value) {
        let queue = json!({"durable": true, "arguments": arguments});
        self.send(Method::PUT, &["queues", &self.vhost, name], queue).await;
    }

    /// Deletes a queue, also under its consumers.
    pub(crate) async fn delete_queue(&self, name: &str) {
        self.send(Method::DELETE, &["queues", &self.vhost, name], Value::Null).await;
    }

    /// Declares a durable exchange of a kind, such as `topic`.
    pub(crate) async fn declare_exchange(&self, name: &str, kind: &str) {
        let exchange = json!({"durable": true, "type": kind});
        self.send(Method::PUT, &["exchanges", &self.vhost, name], exchange).await;
    }

    /// Deletes an exchange, also under its publishers.
    pub(crate) async fn delete_exchange(&self, name: &str) {
        self.send(Method::DELETE, &["exchanges", &self.vhost, name], Value::Null).await;
    }

    /// Binds a queue to an exchange.
    pub(crate) async fn bind(&self, exchange: &str, queue: &str, routing_key: &str) {
        let path = ["bindings", &self.vhost, "e", exchange, "q", queue];
        self.send(Method::POST, &path, json!({"routing_key": routing_key})).await;
    }

    /// Publishes a message with properties such as `{"delivery_mode": 2}`; returns whether it reached a queue. The
    /// exchange without a name is `amq.default` here.
    pub(crate) async fn publish(&self, exchange: &str, routing_key: &str, body: &[u8], properties: Value) -> bool {
        let body = BASE64.encode(body);
        let message = json!({
            "routing_key": routing_key, "payload": body, "payload_encoding": "base64", "properties": properties,
        });
        let path = ["exchanges", &self.vhost, exchange, "publish"];
        is_true(&self.send(Method::POST, &path, message).await, "/routed")
    }

    /// Takes up to so many messages out of a queue.
    pub(crate) async fn take(&self, queue: &str, count: u32) -> Vec<Message> {
        let how = json!({"count": count, "ackmode": "ack_requeue_false", "encoding": "base64"});
        let messages = self.send(Method::POST, &["queues", &self.vhost, queue, "get"], how).await;
        let each = messages.as_array().into_iter().flatten().map(|message| Message {
            exchange: text(message, "/exchange").unwrap_or_default(),
            routing_key: text(message, "/routing_key").unwrap_or_default(),
            is_redelivered: is_true(message, "/redelivered"),
            properties: message.get("properties").cloned().unwrap_or_default(),
            body: BASE64.decode(text(message, "/payload").unwrap_or_default()).expect("it was asked for in base64"),
        });
        each.collect()
    }

    /// Creates a virtual host in which the user may do everything.
    pub(crate) async fn create_vhost(&self, name: &str) {
        self.send(Method::PUT, &["vhosts", name], json!({})).await;
        self.set_permissions(name, Place::USER, ".*").await;
    }

    /// Deletes a virtual host with all that is in it, also under its connections.
    pub(crate) async fn delete_vhost(&self, name: &str) {
        self.send(Method::DELETE, &["vhosts", name], Value::Null).await;
    }

    /// Creates a user who may do nothing yet; the broker's own, of all virtual hosts.
    pub(crate) async fn create_user(&self, name: &str, password: &str) {
        self.send(Method::PUT, &["users", name], json!({"password": password, "tags": ""})).await;
    }

    /// Deletes a user, whose connections are closed.
    pub(crate) async fn delete_user(&self, name: &str) {
        self.send(Method::DELETE, &["users", name], Value::Null).await;
    }

    /// Lets a user configure, write and read what matches a pattern in a virtual host.
    pub(crate) async fn set_permissions(&self, vhost: &str, user: &str, pattern: &str) {
        let may = json!({"configure": pattern, "write": pattern, "read": pattern});
        self.send(Method::PUT, &["permissions", vhost, user], may).await;
    }

    /// Whether the broker has run out of the memory that it may use.
    pub(crate) async fn has_memory_alarm(&self) -> bool {
        is_true(&self.get(&["nodes"]).await, "/0/mem_alarm")
    }

    async fn get(&self, path: &[&str]) -> Value {
        self.send(Method::GET, path, Value::Null).await
    }

    async fn send(&self, method: Method, path: &[&str], body: Value) -> Value {
        let what = format!("{method} {}", path.join("/"));
        let (status, body) = self.ask(method, path, body).await;
        assert!(status.is_success(), "{what}: {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// Asks on a connection of its own, and not with a client of `reqwest`: that one wants to know what to do about TLS.
    async fn ask(&self, method: Method, path: &[&str], body: Value) -> (StatusCode, Bytes) {
        let what = format!("{method} {}", path.join("/"));
        let path: String = path.iter().map(|segment| format!("/{}", escaped(segment))).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(format!("/api{path}")).header("Host", &self.address);
        let request = request.header("Authorization", &self.credentials).header("Content-Type", "application/json");
        // What the client is told whose connection is closed.
        let request = request.header("X-Reason", "closed by a test");
        let request = request.body(Full::new(Bytes::from(body))).expect("a request of ours is one");
        let answer = async {
            let stream = TcpStream::connect(&self.address).await?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
            let answer = async move {
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
            };
            // How the connection ends is of no interest once there is an answer.
            tokio::join!(answer, connection).0.map_err(io::Error::other)
        };
        answer.await.unwrap_or_else(|error| panic!("{what}: {error:?}"))
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// A segment of a path, such as a name that has slashes in it.
fn escaped(segment: &str) -> String {
    let each = segment.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}
