//! Configurations with certificates that can't be used, or ask for what nobody can give.

use zato::{services, testing, tracing::Level};

use super::{
    certificates::Authority,
    clients::{Client, OPEN, caller, config, files, started},
};
use crate::support::{ConfigFile, Wire, listening_app};

async fn refused(file: &ConfigFile) -> String {
    let app = listening_app("tls").services(services![caller]).config_file(file.path());
    let error = app.start().await.expect_err("the configuration is refused").to_string();
    error.replace(&file.name(), "zato.yaml")
}

#[tokio::test]
async fn everything_that_is_wrong_with_the_files_is_told_at_once() {
    let file = ConfigFile::new(&config(", client_ca: clients.pem", OPEN));
    assert_eq!(
        refused(&file).await,
        "the configuration can't be used:\
         \n  zato.yaml:3:22: the file \"server.pem\" does not exist\
         \n  zato.yaml:3:39: the file \"server.key\" does not exist\
         \n  zato.yaml:3:62: the file \"clients.pem\" does not exist"
    );
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new("authority");
    let file = files(&authority, "", OPEN);
    file.write_beside("server.key", &authority.server("other").key_pem());
    assert_eq!(
        refused(&file).await,
        "the configuration can't be used:\n  zato.yaml:3:39: the file \"server.key\" does not hold the key of the \
         certificate in the file \"server.pem\""
    );
}

#[tokio::test]
async fn a_definition_that_nobody_can_satisfy_is_refused() {
    let authority = Authority::new("authority");
    let rest = "\nsecurity: [{name: Partner, type: mtls}]\nchannel_rest:\n  \
                - {name: caller, url_path: /caller, service: caller, security: Partner}\n";
    let expected = "the configuration can't be used:\n  zato.yaml:6:5: the security definition \"Partner\" needs client \
                    certificates, which nobody asks for; add server.tls.client_ca, the file of the authority that signs \
                    them";
    for tls in ["", ", client_ca: clients.pem, client_certificates: none"] {
        assert_eq!(refused(&files(&authority, tls, rest)).await, expected);
    }
    let _app = started(&files(&authority, ", client_ca: clients.pem", rest)).await;
}

#[tokio::test]
async fn an_expired_certificate_is_used_and_warned_about() {
    let authority = Authority::new("authority");
    let file = files(&authority, "", OPEN);
    // By the clock of the test, which stands at the beginning of 1970 or later.
    authority.expired_server().put_beside(&file);
    let logs = testing::capture_logs();
    let _app = started(&file).await;
    let events = logs.events();
    let warning = events.iter().find(|event| event.message == "a certificate has expired; renew it").unwrap();
    assert_eq!(warning.level, Level::WARN);
    assert_eq!(warning.fields["place"], format!("{}:3:22", file.name()));
    assert_eq!(warning.fields["certificate"], "the file \"server.pem\"");
    assert_eq!(warning.fields["subject"], "CN=old,O=Bank");
}

#[tokio::test]
async fn tls_comes_and_goes_with_the_configuration() {
    let authority = Authority::new("authority");
    let file = files(&authority, "", OPEN);
    let plain = format!("server: {{bind: '127.0.0.1:0'}}{OPEN}");
    let app = listening_app("tls").services(services![caller]).config_file(file.path());
    file.write(&plain);
    let app = app.start().await.unwrap();
    let mut before = Wire::to(&app).await;
    let first = before.get("/caller").await;
    assert_eq!(first.status, 200);
    app.apply_yaml(config("", OPEN)).await.unwrap();
    assert!(app.addresses()[0].starts_with("https://"));
    assert_eq!(Wire::to(&app).await.get("/caller").await.status, 400);
    assert_eq!(Client::new(&authority).wire(&app).await.get("/caller").await.status, 200);
    assert_eq!(before.get("/caller").await.body, first.body, "a connection stays what it is");
    app.apply_yaml(plain).await.unwrap();
    assert!(app.addresses()[0].starts_with("http://"));
    let again = Wire::to(&app).await.get("/caller").await;
    assert_eq!(again.body, first.body);
}

#[tokio::test]
async fn an_app_that_does_not_listen_needs_no_certificate() {
    let file = ConfigFile::new(&config("", OPEN));
    let app = testing::app("tls").services(services![caller]).config_file(file.path()).start().await.unwrap();
    assert_eq!(testing::client(&app).get("/caller").await.status, 200);
}
