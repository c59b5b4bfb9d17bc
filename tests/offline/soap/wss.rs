//! Who sends an envelope, as it says itself (WS-Security UsernameToken Profile 1.1).

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use zato::{
    Result, Running,
    security::password_digest,
    soap::Version,
    testing::{self, TestClock},
};

use super::{app, envelope, post, refused};
use crate::support::Answer;

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";

/// Looked for in everything that anybody can read.
const PASSWORD: &str = "canary-7f3e";

const CONFIG: &str = "
security:
  - {name: w1, type: wss, username: partner, password: canary-7f3e}
  - {name: w2, type: wss, mode: username_token, use_digest: true, username: partner, password: canary-7f3e, reject_expiry_limit: 1m}
  - {name: off, type: wss, username: partner, password: canary-7f3e, is_active: false}
channel_soap:
  - {name: any, url_path: /any, service: seen, security: w1}
  - {name: digest, url_path: /digest, service: seen, security: w2}
  - {name: off, url_path: /off, service: seen, security: off}
";

async fn started() -> (Running, testing::Client, TestClock) {
    let clock = TestClock::default();
    let app = app().ambient(clock.clone(), testing::SequentialIds::default()).config_yaml(CONFIG);
    let app = app.start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, clock)
}

fn security(inside: &str) -> String {
    format!("<w:Security xmlns:w=\"{WSSE}\" xmlns:u=\"{WSU}\" s:mustUnderstand=\"1\">{inside}</w:Security>")
}

fn text(username: &str, password: &str) -> String {
    security(&format!(
        "<w:UsernameToken><w:Username>{username}</w:Username><w:Password>{password}</w:Password></w:UsernameToken>"
    ))
}

fn digest(nonce: &[u8], created: &str, password: &str) -> String {
    let (digest, nonce_text) = (password_digest(nonce, created, password), BASE64_STANDARD.encode(nonce));
    security(&format!(
        "<w:UsernameToken><w:Username>partner</w:Username><w:Password Type=\"{PROFILE}#PasswordDigest\">{digest}\
         </w:Password><w:Nonce>{nonce_text}</w:Nonce><u:Created>{created}</u:Created></w:UsernameToken>"
    ))
}

async fn ask(client: &testing::Client, path: &str, header: &str) -> Answer {
    post(client, path, Version::V11, envelope(Version::V11, header, "<Ask/>")).await
}

#[track_caller]
fn assert_let_in(reply: &Answer) {
    assert_eq!(reply.status, 200, "{reply}");
    assert!(reply.body.contains("<caller>partner</caller>"), "{reply}");
}

#[track_caller]
fn assert_refused(reply: &Answer, code: &str) {
    assert_eq!(reply.status, 500, "{reply}");
    let expected = format!("<faultcode xmlns:wsse=\"{WSSE}\">wsse:{code}</faultcode>");
    assert!(reply.body.contains(&expected), "{code}: {reply}");
    assert!(!reply.body.contains("<detail>") && !reply.body.contains(PASSWORD), "{reply}");
}

#[tokio::test]
async fn a_password_lets_in_as_text_or_as_digest() {
    let (_app, client, _) = started().await;
    assert_let_in(&ask(&client, "/any", &text("partner", PASSWORD)).await);
    let typed =
        text("partner", PASSWORD).replace("<w:Password>", &format!("<w:Password Type=\"{PROFILE}#PasswordText\">"));
    assert_let_in(&ask(&client, "/any", &typed).await);
    assert_let_in(&ask(&client, "/any", &digest(b"n1", "2026-01-01T00:00:00Z", PASSWORD)).await);
    assert_let_in(&ask(&client, "/digest", &digest(b"n2", "2026-01-01T00:00:30.5Z", PASSWORD)).await);
}

#[tokio::test]
async fn whatever_is_wrong_is_told_with_the_code_that_it_has() {
    let (_app, client, _) = started().await;
    let now = "2026-01-01T00:00:00Z";
    let twice = text("partner", PASSWORD).repeat(2);
    let token = "<w:UsernameToken><w:Username>partner</w:Username></w:UsernameToken>";
    let signed = text("partner", PASSWORD).replace("</w:Security>", "<w:BinarySecurityToken/></w:Security>");
    let over = format!("<u:Timestamp><u:Expires>{now}</u:Expires></u:Timestamp></w:Security>");
    let cases = [
        ("/any", text("partner", "wrong"), "FailedAuthentication"),
        ("/any", text("Partner", PASSWORD), "FailedAuthentication"),
        ("/any", text("", ""), "FailedAuthentication"),
        ("/any", String::new(), "FailedAuthentication"),
        ("/off", text("partner", PASSWORD), "FailedAuthentication"),
        ("/any", digest(b"n", now, "wrong"), "FailedAuthentication"),
        ("/any", twice, "InvalidSecurity"),
        ("/any", security(""), "UnsupportedSecurityToken"),
        ("/any", signed, "UnsupportedSecurityToken"),
        ("/any", security(token), "InvalidSecurityToken"),
        ("/any", security(&token.repeat(2)), "InvalidSecurityToken"),
        ("/digest", text("partner", PASSWORD), "InvalidSecurityToken"),
        ("/digest", digest(b"n", "yesterday", PASSWORD), "InvalidSecurityToken"),
        ("/digest", digest(b"n", now, PASSWORD).replace("<w:Nonce>", "<w:Nonce>?"), "InvalidSecurityToken"),
        ("/digest", digest(b"n", "2026-01-01T00:01:01Z", PASSWORD), "MessageExpired"),
        ("/digest", digest(b"n", "2025-12-31T23:58:59Z", PASSWORD), "MessageExpired"),
        ("/any", text("partner", PASSWORD).replace("</w:Security>", &over), "MessageExpired"),
    ];
    for (path, header, code) in cases {
        assert_refused(&ask(&client, path, &header).await, code);
    }
    let reply = post(&client, "/any", Version::V12, envelope(Version::V12, "", "<Ask/>")).await;
    let expected = format!(
        "<soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value xmlns:wsse=\"{WSSE}\">\
         wsse:FailedAuthentication</soap:Value></soap:Subcode></soap:Code>"
    );
    assert!(reply.status == 400 && reply.body.contains(&expected), "{reply}");
}

#[tokio::test]
async fn a_token_is_taken_once_whatever_changes_meanwhile() -> Result<()> {
    let (app, client, clock) = started().await;
    let token = digest(b"n1", "2026-01-01T00:00:00Z", PASSWORD);
    assert_let_in(&ask(&client, "/digest", &token).await);
    assert_refused(&ask(&client, "/digest", &token).await, "FailedAuthentication");
    app.apply_yaml(&CONFIG.replace("/any", "/other")).await?;
    assert_refused(&ask(&client, "/digest", &token).await, "FailedAuthentication");
    clock.advance(Duration::from_secs(61));
    assert_refused(&ask(&client, "/digest", &token).await, "MessageExpired");
    assert_let_in(&ask(&client, "/digest", &digest(b"n1", "2026-01-01T00:01:00Z", PASSWORD)).await);
    Ok(())
}

#[tokio::test]
async fn only_channels_that_read_envelopes_can_ask_for_it() {
    let with =
        |channel: &str| format!("security: [{{name: w1, type: wss, username: u, password: canary-7f3e}}]\n{channel}");
    let told = refused(&with("channel_rest: [{name: r, url_path: /r, service: rate.ping, security: w1}]")).await;
    assert!(
        told.contains("is about the header of a SOAP envelope, which only channels of \"channel_soap\" read"),
        "{told}"
    );
    let told = refused(&with("outgoing_rest: [{name: r, host: 'http://h.example', security: w1}]")).await;
    assert!(told.contains("is about the header of a SOAP envelope"), "{told}");
    let told = refused("security: [{name: w, type: wss, mode: x509, username: u, password: canary-7f3e}]").await;
    assert!(told.contains("unknown value \"x509\""), "{told}");
}
