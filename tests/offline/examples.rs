//! Every example, run as a program and talked to over a socket.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::support::{Answer, PATIENCE, Wire};

/// Its tests run with ours: cargo either builds an example as a program or as tests, and the program is run below.
#[path = "../../examples/unit_tests/main.rs"]
#[expect(dead_code, unreachable_pub, reason = "its `main` runs as a program")]
mod unit_tests;

#[path = "../../examples/bank/main.rs"]
#[expect(dead_code, unreachable_pub, reason = "its `main` runs as a program")]
mod bank;

#[path = "../../examples/crm/main.rs"]
#[expect(dead_code, unreachable_pub, reason = "its `main` runs as a program")]
mod crm;

/// An example that runs; killed when dropped.
pub(crate) struct Example {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Example {
    /// Starts an example and waits until it listens. `cargo test` builds it before this test, but `cargo test --test offline`
    /// doesn't: that runs what was built last.
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    /// As [`Example::start`], with further variables of the environment.
    async fn start_with(name: &str, variables: &[(&str, &Path)]) -> Self {
        let mut command = Command::new(program(name));
        command.envs(variables.iter().copied());
        command.env("ZATO_BIND", "127.0.0.1:0").env("RUST_LOG", "").stdout(Stdio::piped()).kill_on_drop(true);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("the example {name} can't be run, build it: {error}"));
        let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let listening = async {
            while let Some(line) = output.next_line().await.expect("the output is text") {
                let address = line.split_once("http://").and_then(|(_, rest)| rest.split([' ', '"']).next());
                if let (true, Some(address)) = (line.contains("listening"), address) {
                    return address.to_owned();
                }
            }
            panic!("the example {name} ended without listening");
        };
        let address = timeout(PATIENCE, listening).await.expect("the example listens");
        Self { child, output, address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends `POST` or `GET` and returns what comes back, without the correlation id, which is never the same.
    async fn ask(&self, path: &str, body: Option<&str>) -> Answer {
        let mut wire = Wire::to_address(&self.address).await;
        let mut answer = match body {
            Some(body) => wire.post(path, body).await,
            None => wire.get(path).await,
        };
        answer.headers.retain(|(name, _)| name != "x-zato-cid");
        answer
    }

    /// Waits for a line that has a text in it, and returns all up to that.
    async fn said(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let saying = async {
            while let Some(line) = self.output.next_line().await.expect("the output is text") {
                let is_it = line.contains(text);
                lines.push(line);
                if is_it {
                    return;
                }
            }
            panic!("it ended without saying {text:?}");
        };
        timeout(PATIENCE, saying).await.unwrap_or_else(|_| panic!("it never says {text:?}"));
        lines
    }

    /// Tells it to stop as a service manager does, waits until it has ended well, and returns what it still had to say.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        let id = self.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await.expect("there is a kill");
        assert!(told.success());
        // Whoever reads no more of the output may stop it with a broken pipe.
        let mut lines = Vec::new();
        let ending = async {
            while let Ok(Some(line)) = self.output.next_line().await {
                lines.push(line);
            }
            self.child.wait().await.expect("it can be waited for")
        };
        let status = timeout(PATIENCE, ending).await.expect("it ends");
        assert!(status.success(), "{status}");
        lines
    }
}

/// Cargo puts examples beside the folder that this test was put in.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test is a file");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("a test lies in <profile>/deps");
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

fn json(body: &str) -> Answer {
    let mut answer = Answer::json(200, "", body).on_the_wire();
    answer.headers.retain(|(name, _)| name != "x-zato-cid");
    answer
}

#[tokio::test]
async fn first_service_answers_as_its_seed_says() {
    let example = Example::start("first_service").await;
    let client = json(r#"{"name":"Jane Doe","email":"","segment":"RNZ"}"#);
    assert_eq!(example.ask("/api/v1/client", Some(r#"{"client_id":123}"#)).await, client);
    assert_eq!(example.ask("/api/v1/client?client_id=123", None).await, client);
    let refused = example.ask("/api/v1/client", Some("{}")).await;
    assert_eq!(refused.status, 400);
    let problem: zato::Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(problem["errors"], serde_json::json!([{ "path": "/client_id", "detail": "missing" }]));
    example.stop().await;
}

#[tokio::test]
async fn bank_answers_as_its_seed_says_and_hears_of_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let tutorial = folder.path().join("tutorial.conf");
    let mut example = Example::start_with("bank", &[("BANK_USER_CONF", folder.path())]).await;
    let body = r#"{"user_name": "my.user"}"#;
    // api:not-for-production
    let request = format!(
        "POST /api/v1/user HTTP/1.1\r\nhost: bank\r\nauthorization: Basic YXBpOm5vdC1mb3ItcHJvZHVjdGlvbg==\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut wire = Wire::to_address(example.address()).await;
    for (content, is_told) in [(None, false), (Some("[notify_fraud]\nRGV=True\n"), true), (Some("RGV=True\n"), false)] {
        if let Some(content) = content {
            std::fs::write(&tutorial, content).unwrap();
            example.said("configuration applied").await;
        }
        wire.send(&request).await;
        let answer = wire.answer().await;
        let expected = r#"{"user_name":"my.user","user_type":"RGV","account_no":"123456","account_balance":"357.9"}"#;
        assert_eq!((answer.status, answer.body.as_str()), (200, expected));
        let lines = example.said("invoking Payments").await;
        assert!(lines.iter().any(|line| line.contains("invoking CRM user_name=my.user")), "{lines:?}");
        if is_told {
            example.said("notifying fraud detection user_name=my.user").await;
        }
    }
    assert_eq!(example.ask("/api/v1/user", Some(body)).await.status, 401);
    drop(wire);
    let rest = example.stop().await;
    assert!(!rest.iter().any(|line| line.contains("notifying")), "the section is gone: {rest:?}");
}

#[tokio::test]
async fn crm_keeps_its_customers() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("crm.db");
    let dora = r#"{"name":"Dora Jones","email":"dora@example.com","credit":2000}"#;
    for status in [200, 409] {
        let example = Example::start_with("crm", &[("CRM_DATABASE", &database)]).await;
        // It listens before its tables are made.
        let made = async {
            loop {
                match example.ask("/customers", Some(dora)).await.status {
                    503 => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                    status => return status,
                }
            }
        };
        assert_eq!(timeout(PATIENCE, made).await, Ok(status));
        let found = example.ask("/customers?search=o&page_size=2", None).await;
        let found: zato::Value = serde_json::from_str(&found.body).unwrap();
        assert_eq!((&found["total"], found["customers"].as_array().map(Vec::len)), (&2.into(), Some(2)));
        example.stop().await;
    }
}

#[tokio::test]
async fn embed_in_axum_answers_beside_axum() {
    let example = Example::start("embed_in_axum").await;
    assert_eq!(example.ask("/health", None).await.body, "ok");
    let balance = json(r#"{"account":7,"balance":"1250.30"}"#);
    assert_eq!(example.ask("/bank/api/v1/balance/7", None).await, balance);
    assert_eq!(example.ask("/bank/api/v1/balance/0", None).await.status, 404);
    assert_eq!(example.ask("/api/v1/balance/7", None).await.status, 404);
    example.stop().await;
}

#[tokio::test]
async fn take_over_says_which_process_it_is() {
    let example = Example::start("take_over").await;
    let process = example.child.id().expect("it runs");
    let expected = json(&format!(r#"{{"process":{process}}}"#));
    assert_eq!(example.ask("/api/v1/process", Some(r#"{"pause":0}"#)).await, expected);
    example.stop().await;
}

#[tokio::test]
async fn unit_tests_runs_as_a_program_too() {
    let example = Example::start("unit_tests").await;
    let reply = example.ask("/api/v1/quote", Some(r#"{"currency":"EUR","amount":"10.00"}"#)).await;
    assert_eq!(reply.status, 200);
    let quote: zato::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(quote["price"], "12.5000");
    let keys: Vec<_> = quote.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["price", "valid_until"]);
    example.stop().await;
}
