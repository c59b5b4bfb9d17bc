//! What becomes of a command when a node of a cluster goes away.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use combine::stream::Decoder;
use redis::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use zato_core::{
    Retry,
    ambient::Ambient,
    connection::{Handle as _, Supervised},
};

use crate::{Redis, RedisConnector, RedisError, RedisErrorKind, testing::prepared};

/// A node that says that it has all slots, and breaks the connection once it has added.
async fn node(listener: TcpListener, added: Arc<AtomicU32>) {
    let port = listener.local_addr().unwrap().port();
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, port, Arc::clone(&added)));
    }
}

async fn answer(mut stream: TcpStream, port: u16, added: Arc<AtomicU32>) {
    let mut parser = Decoder::new();
    while let Ok(request) = redis::parse_redis_value_async(&mut parser, &mut stream).await {
        let words: Vec<String> = redis::from_redis_value(request).unwrap();
        let answer = match words[0].to_ascii_uppercase().as_str() {
            "INCRBY" => {
                added.fetch_add(1, SeqCst);
                return;
            }
            "CLUSTER" => {
                format!("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$2\r\nid\r\n")
            }
            "GET" => "$1\r\n7\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_write_whose_node_goes_away_is_sent_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, added) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
    let mut nodes = JoinSet::new();
    nodes.spawn(node(listener, Arc::clone(&added)));
    let prepared = prepared(&format!("name: cluster\ncluster: '127.0.0.1:{port}'\nprotocol: 2")).unwrap();
    let supervised = Supervised::new::<RedisConnector>("cluster", prepared, None, Ambient::default());
    supervised.begin().await;
    supervised.tried().await;
    let redis = Redis::from_slot(supervised.connection().into_any().downcast().unwrap());
    let error = redis.increment("balance", 5).await.unwrap_err();
    assert_eq!(added.load(SeqCst), 1, "it may have been done");
    assert_eq!(error.find::<RedisError>().map(RedisError::kind), Some(RedisErrorKind::ConnectionLost), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
    // The others are not cut, and the one is made anew.
    assert!(redis.slot().state().is_up());
    assert_eq!(redis.get::<i64>("balance").await.unwrap(), Some(7));
    // Nor is one step of several.
    let mut pipeline = redis.pipeline();
    pipeline.atomic().incr("balance", 1).incr("balance", 1);
    assert!(pipeline.query::<Value>().await.is_err());
    assert_eq!(added.load(SeqCst), 2);
}
