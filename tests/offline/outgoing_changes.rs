//! Outgoing connections that change while they are used: address, password, or whether they are there at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::HeaderMap};
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{net::TcpListener, task::JoinSet};
use zato::{Context, Result, model, rest::Rest, service, services, testing};

/// How often the configuration changes.
const CHANGES: u64 = 100;

#[model]
struct Seen {
    /// Which of the two partners answered.
    partner: u64,
    /// The credentials that it was shown.
    authorization: String,
}

/// Asks the partner who it is and what it saw.
#[service(name = "who")]
async fn who(ctx: &Context, #[out("Partner")] partner: Rest) -> Result<Seen> {
    let response = partner.get(ctx).await?.error_for_status()?;
    let (number, authorization) = (response.text()?, response.header("x-seen").unwrap_or_default().to_owned());
    Ok(Seen { partner: number.parse()?, authorization })
}

async fn answer(State(number): State<u64>, headers: HeaderMap) -> ([(&'static str, String); 1], String) {
    // Long enough that changes come while calls are on their way.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let seen = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    ([("x-seen", seen.to_owned())], number.to_string())
}

/// Starts a partner that tells its number.
async fn partner(number: u64, tasks: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().fallback(answer).with_state(number);
    tasks.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    format!("http://{address}")
}

/// The configuration of a change: one partner after the other, and a new password each time.
fn config(change: u64, partners: &[String; 2]) -> String {
    let [even, odd] = partners;
    let partner = if change.is_multiple_of(2) { even } else { odd };
    format!(
        "channel_rest: [{{name: who, url_path: /who, service: who}}]\n\
         security: [{{name: Ours, type: basic_auth, username: us, password: 'change-{change}'}}]\n\
         outgoing_rest: [{{name: Partner, host: '{partner}', security: Ours}}]\n"
    )
}

/// What a partner sees of the password of a change.
fn basic(change: u64) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("us:change-{change}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_changes_of_address_and_password_lose_no_request_and_none_goes_astray() -> Result<()> {
    let mut tasks = JoinSet::new();
    let partners = [partner(0, &mut tasks).await, partner(1, &mut tasks).await];
    let app = testing::app("changes")
        .real_connections()
        .services(services![who])
        .config_yaml(config(0, &partners))
        .start()
        .await?;
    let app = Arc::new(app);
    // The last change that was reported to be in force.
    let (reported, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (client, reported, calls) = (testing::client(&app), Arc::clone(&reported), Arc::clone(&calls));
        callers.spawn(async move {
            while reported.load(Ordering::SeqCst) < CHANGES {
                let before = reported.load(Ordering::SeqCst);
                let reply = client.get("/who").await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                let after = reported.load(Ordering::SeqCst) + 1;
                let seen = reply.json();
                let answered = (before..=after).find(|change| seen["authorization"] == basic(*change));
                let change = answered.unwrap_or_else(|| panic!("{seen} is none of {before} to {after}"));
                assert_eq!(seen["partner"], change % 2, "address and password are of one configuration");
                calls.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for change in 1..=CHANGES {
        app.apply_yaml(config(change, &partners)).await?;
        reported.store(change, Ordering::SeqCst);
        // A few calls under each, so that there is a load; a caller that has failed tells below.
        let enough = calls.load(Ordering::SeqCst) + 5;
        while calls.load(Ordering::SeqCst) < enough {
            if let Some(ended) = callers.try_join_next() {
                ended.expect("every request was answered by the right partner");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("every request was answered by the right partner");
    }
    assert!(calls.load(Ordering::SeqCst) >= 5 * CHANGES);
    Ok(())
}
