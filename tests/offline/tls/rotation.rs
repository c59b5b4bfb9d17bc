//! Certificates that are replaced while the app runs.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::{sync::watch, task::JoinSet};
use zato::{Running, services, testing};

use super::{
    certificates::Authority,
    clients::{Client, OPEN, caller, config, files, started},
};
use crate::support::{ConfigFile, until};

/// The certificate that a new connection sees.
async fn seen(client: &Client, app: &Running) -> CertificateDer<'static> {
    let stream = client.connect(app).await.expect("a connection by TLS");
    stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).expect("a certificate").clone()
}

#[tokio::test]
async fn saving_a_certificate_is_enough_however_it_is_saved() {
    let authority = Authority::new("authority");
    let file = files(&authority, "", OPEN);
    let app = started(&file).await;
    let client = Client::new(&authority);
    let mut open = client.wire(&app).await;
    assert_eq!(open.get("/caller").await.status, 200);

    let second = authority.server("second");
    second.put_beside(&file);
    until("it is applied", || app.generation() == 2).await;
    assert_eq!(seen(&client, &app).await, second.certificate);
    assert_eq!(open.get("/caller").await.status, 200, "a connection stays what it is");

    // As tools do that renew certificates.
    let third = authority.server("third");
    for (name, text) in [("server.key", third.key_pem()), ("server.pem", third.pem.clone())] {
        file.write_beside("new", &text);
        std::fs::rename(file.beside("new"), file.beside(name)).unwrap();
    }
    until("it is applied", || app.generation() == 3).await;
    assert_eq!(seen(&client, &app).await, third.certificate);
    assert_eq!(open.get("/caller").await.status, 200);
}

#[tokio::test]
async fn a_changed_file_is_a_change_of_the_section_that_names_it() {
    let authority = Authority::new("authority");
    let file = files(&authority, ", client_ca: clients.pem", OPEN);
    let app = listening_app(&file).await;
    assert_eq!(app.reload().await.unwrap().changes, []);
    file.write_beside("clients.pem", &Authority::new("other").pem());
    let changes = app.reload().await.unwrap().changes;
    let words: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["changed server: the file \"clients.pem\""]);
    assert_eq!(app.reload().await.unwrap().changes, []);
}

/// One that only changes when it is told to: what it reads is a text.
async fn listening_app(file: &ConfigFile) -> Running {
    let app = crate::support::listening_app("tls").services(services![caller]).config_file(file.path());
    app.start().await.expect("the app starts")
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_changes_nothing_and_is_logged_with_its_place() {
    let authority = Authority::new("authority");
    let file = files(&authority, "", OPEN);
    let app = started(&file).await;
    let client = Client::new(&authority);
    let first = seen(&client, &app).await;
    let logs = testing::capture_logs();
    file.write_beside("server.pem", "-----BEGIN CERTIFICATE-----\n");
    let refused =
        |logs: &testing::Logs| logs.events().into_iter().find(|event| event.message == "configuration refused");
    until("it is refused", || refused(&logs).is_some()).await;
    let expected = format!("{}:3:22: the file \"server.pem\" is cut off: a section of it has no end", file.name());
    assert_eq!(refused(&logs).unwrap().fields["fault"], expected);
    assert_eq!(seen(&client, &app).await, first);
    std::fs::remove_file(file.beside("server.key")).unwrap();
    assert!(app.reload().await.is_err());
    assert_eq!(seen(&client, &app).await, first);
    let second = authority.server("second");
    second.put_beside(&file);
    until("it is applied", || app.generation() == 2).await;
    assert_eq!(seen(&client, &app).await, second.certificate);
}

#[tokio::test]
async fn a_certificate_that_is_missing_is_waited_for() {
    let authority = Authority::new("authority");
    let file = ConfigFile::new(&format!("server: {{bind: '127.0.0.1:0'}}{OPEN}"));
    let app = listening_app(&file).await;
    file.write(&config("", OPEN));
    assert!(app.reload().await.is_err());
    authority.server("first").put_beside(&file);
    until("it is applied", || app.generation() == 2).await;
    assert!(app.addresses()[0].starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_certificates_are_replaced() {
    let authority = Authority::new("authority");
    let file = files(&authority, "", OPEN);
    let app = Arc::new(zato::app("tls").services(services![caller]).config_file(file.path()).start().await.unwrap());
    let (stop, _) = watch::channel(false);
    let mut clients = JoinSet::new();
    for number in 0..4 {
        let (app, stop, client) = (Arc::clone(&app), stop.subscribe(), Client::new(&authority));
        clients.spawn(async move {
            let (mut wire, mut requests) = (client.wire(&app).await, 0);
            while !*stop.borrow() {
                // Half of them keep their connection, the others come anew each time.
                if number % 2 == 0 {
                    wire = client.wire(&app).await;
                }
                let reply = wire.get("/caller").await;
                assert_eq!(reply.status, 200, "{reply}");
                requests += 1;
            }
            requests
        });
    }
    for number in 1..=10 {
        let pair = authority.server(&format!("number-{number}"));
        pair.put_beside(&file);
        app.reload().await.unwrap();
        assert_eq!(seen(&Client::new(&authority), &app).await, pair.certificate);
    }
    stop.send_replace(true);
    assert!(clients.join_all().await.into_iter().all(|requests| requests > 0));
}
