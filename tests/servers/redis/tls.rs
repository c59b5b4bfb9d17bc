//! TLS, for one server, for those that sentinels know, and for clusters.

use super::{started, state};
use crate::lent::{Cluster, Redis as Server, until};

#[tokio::test]
async fn tls_is_spoken_with_a_clients_certificate_and_without() {
    let test = "redis::tls_is_spoken_with_a_clients_certificate_and_without";
    let Some(server) = Server::shared(test).await else { return };
    let (authority, (certificate, key)) = (server.server().authority().display(), server.server().client_pair());
    let common = format!("    url: {}\n    key_prefix: '{}'\n", server.tls_url(), server.prefix());
    let pair = format!(", certificate: '{}', key: '{}'", certificate.display(), key.display());
    for more in ["", &pair] {
        let (_app, redis) = started(&format!("{common}    tls: {{ca: '{authority}'{more}}}\n")).await;
        redis.set("key", "over TLS").await.expect("it is up");
        assert_eq!(redis.get::<String>("key").await.expect("it is up").as_deref(), Some("over TLS"));
        let channel = server.prefix().to_owned() + "news";
        let mut news = redis.subscribe([channel.as_str()]).await.expect("it is up");
        redis.publish(&channel, &1).await.expect("it is up");
        assert!(news.next().await.is_some());
        redis.delete("key").await.expect("it is up");
    }
    let (_app, redis) = started(&format!("{common}    tls_verify: false\n")).await;
    assert!(redis.ping().await.is_ok());
    let app = super::app("redis").config_yaml(super::config(&common)).start().await.expect("it starts");
    // The authority is trusted by nobody who was not told so.
    until("it says why", async || state(&app).to_string().contains("certificate").then_some(())).await;
}

#[tokio::test]
async fn a_cluster_is_spoken_to_over_tls() {
    let test = "a_cluster_is_spoken_to_over_tls";
    let Some(cluster) = Cluster::own(test).await else { return };
    let first = cluster.members().first().expect("there are three");
    let address =
        first.tls_url().strip_prefix("rediss://").and_then(|rest| rest.split('/').next()).expect("an address");
    let authority = first.server().authority().display();
    let yaml = super::config(&format!("    cluster: '{address}'\n    tls: {{ca: '{authority}'}}\n"));
    let app = super::app("redis").config_yaml(yaml).start().await;
    // Its nodes tell each other's ports without TLS, which is a matter of how the cluster is set up: what counts here is that
    // the files are taken.
    assert!(app.is_ok(), "{app:?}");
}
