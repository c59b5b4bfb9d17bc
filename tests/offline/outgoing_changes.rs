//! Outgoing connections that change while they are used: address, password, or whether they are there at all.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
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
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
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
    let partner = if change % 2 == 0 { even } else { odd };
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
    let app = testing::app("changes").services(services![who]).config_yaml(config(0, &partners)).start().await?;
    let app = Arc::new(app);
    // The last change that was reported to be in force.
    let reported = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (client, reported) = (testing::client(&app), Arc::clone(&reported));
        callers.spawn(async move {
            let mut calls = 0_u64;
            while reported.load(Ordering::SeqCst) < CHANGES {
                let before = reported.load(Ordering::SeqCst);
                let reply = client.get("/who").await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                let after = reported.load(Ordering::SeqCst) + 1;
                let seen = reply.json();
                let answered = (before..=after).find(|change| seen["authorization"] == basic(*change));
                let change = answered.unwrap_or_else(|| panic!("{seen} is none of {before} to {after}"));
                assert_eq!(seen["partner"], change % 2, "address and password are of one configuration");
                calls += 1;
            }
            calls
        });
    }
    for change in 1..=CHANGES {
        app.apply_yaml(config(change, &partners)).await?;
        reported.store(change, Ordering::SeqCst);
    }
    let calls: u64 = callers.join_all().await.into_iter().sum();
    assert!(calls >= CHANGES, "{calls} calls are no load");
    Ok(())
}
