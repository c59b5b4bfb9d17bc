//! Logins of Keystone v3: by password and by application credential.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    clock,
    tokens::{Tokens, User},
};

/// The id and the name of the one domain.
const DOMAIN: (&str, &str) = ("default", "Default");

/// Returns the id that a user or a project of a name has.
fn id(name: &str) -> String {
    format!("{name}-id")
}

impl Tokens {
    /// Answers a login.
    pub(super) fn login_v3(&mut self, body: &[u8], now: Duration) -> Outcome {
        let malformed = || Refusal::new(StatusCode::BAD_REQUEST, "Expecting to find valid JSON in request body.");
        let body: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
        let auth = body.get("auth").ok_or_else(malformed)?;
        let methods = auth.pointer("/identity/methods").and_then(Value::as_array);
        let method = methods.and_then(|methods| methods.first()).and_then(Value::as_str);
        let project = auth.pointer("/scope/project");
        let (user, is_scoped) = match method {
            // It is for the project that it was made in, whatever else is said.
            Some("application_credential") => (self.by_application(auth), true),
            Some("password") => (self.by_password(auth, project), project.is_some()),
            _ => (None, false),
        };
        let Some(user) = user else { return Ok(unauthorized()) };
        let (text, life) = self.issue_as("gAAAAA", &user, now);
        let token = self.token(&user, is_scoped, now, now.saturating_add(life));
        Ok(Answer::json(StatusCode::CREATED, &json!({ "token": token })).with("x-subject-token", text))
    }

    fn by_application(&self, auth: &Value) -> Option<User> {
        let said = auth.pointer("/identity/application_credential")?;
        let (id, secret) = (said.get("id")?.as_str()?, said.get("secret")?.as_str()?);
        let known = self.applications.iter().find(|known| known.id == id && known.secret == secret)?;
        Some(known.user.clone())
    }

    fn by_password(&self, auth: &Value, project: Option<&Value>) -> Option<User> {
        let said = auth.pointer("/identity/password/user")?;
        let password = said.get("password")?.as_str()?;
        let fits = |user: &&User| {
            user.key == password
                && is_meant(said, &user.name)
                && project.is_none_or(|project| is_meant(project, &user.account))
        };
        self.users.iter().find(fits).cloned()
    }

    fn token(&self, user: &User, is_scoped: bool, now: Duration, expires: Duration) -> Value {
        let domain = json!({ "id": DOMAIN.0, "name": DOMAIN.1 });
        let mut token = json!({
            "methods": ["password"],
            "user": { "id": id(&user.name), "name": user.name, "domain": domain, "password_expires_at": null },
            "audit_ids": ["memory"],
            "issued_at": format!("{}Z", clock::iso(now)),
            "expires_at": format!("{}Z", clock::iso(expires)),
        });
        if let Some(token) = token.as_object_mut().filter(|_| is_scoped) {
            let project = json!({ "id": id(&user.account), "name": user.account, "domain": domain });
            let role = if user.is_admin { "admin" } else { "reader" };
            token.insert("project".to_owned(), project);
            token.insert("roles".to_owned(), json!([{ "id": id(role), "name": role }]));
            let catalogue = self.catalogue.clone().unwrap_or_else(|| catalogue(user));
            token.insert("catalog".to_owned(), catalogue);
        }
        token
    }
}

/// Tells whether an object with an id, or with a name and a domain, means what has this name.
fn is_meant(said: &Value, name: &str) -> bool {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(said) = text(said.get("id")) {
        return said == id(name);
    }
    let is_in_domain = match said.get("domain") {
        Some(domain) if domain.get("id").is_some() => text(domain.get("id")).is_some_and(|id| id == DOMAIN.0),
        Some(domain) => text(domain.get("name")).is_some_and(|name| name == DOMAIN.1),
        None => false,
    };
    is_in_domain && text(said.get("name")).is_some_and(|said| said == name)
}

/// What is listed unless a test says otherwise.
fn catalogue(user: &User) -> Value {
    let endpoint = |interface: &str, url: String| {
        json!({
            "id": id(interface), "interface": interface, "region": "RegionOne", "region_id": "RegionOne", "url": url,
        })
    };
    let swift = |host: &str| format!("http://{host}/v1/{}", user.path());
    json!([
        { "type": "identity", "name": "keystone", "id": "identity-id", "endpoints": [
            endpoint("public", "http://memory/v3".to_owned()),
        ] },
        { "type": "object-store", "name": "swift", "id": "object-store-id", "endpoints": [
            endpoint("admin", swift("admin.memory")),
            endpoint("internal", swift("internal.memory")),
            endpoint("public", swift("memory")),
        ] },
    ])
}

fn unauthorized() -> Answer {
    let error = json!({ "error": {
        "code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication.",
    } });
    Answer::json(StatusCode::UNAUTHORIZED, &error).with("www-authenticate", "Keystone uri=\"http://memory\"")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::memory::{
        SwiftServer,
        kit::{self, Caller, Seen},
    };

    async fn login(server: &SwiftServer, identity: Value, scope: Value) -> Seen {
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        kit::exchange(server, "POST", "http://host:5000/v3/auth/tokens", &[], body.to_string()).await.unwrap()
    }

    fn password(user: &Value) -> Value {
        json!({ "methods": ["password"], "password": { "user": user } })
    }

    #[tokio::test]
    async fn a_password_opens_a_project() {
        let server = SwiftServer::new();
        let scope = json!({ "project": { "name": "test", "domain": { "name": "Default" } } });
        let named = json!({ "name": "tester", "domain": { "id": "default" }, "password": "testing" });
        let by_id = json!({ "id": "tester-id", "password": "testing" });
        for user in [named, by_id] {
            let seen = login(&server, password(&user), scope.clone()).await;
            let endpoint = seen.json()["token"]["catalog"][1]["endpoints"][2].clone();
            assert_eq!((seen.status, &endpoint["url"]), (201, &json!("http://memory/v1/AUTH_test")));
            let caller = Caller { server: server.clone(), token: seen.header("x-subject-token").to_owned() };
            assert_eq!(caller.send("HEAD", "", &[], "").await.status, 204);
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused() {
        let server = SwiftServer::new();
        let scope = json!({ "project": { "id": "test-id" } });
        for user in [
            json!({ "name": "tester", "domain": { "name": "Default" }, "password": "wrong" }),
            json!({ "name": "tester", "domain": { "name": "Elsewhere" }, "password": "testing" }),
            json!({ "name": "tester", "password": "testing" }),
        ] {
            assert_eq!(login(&server, password(&user), scope.clone()).await.status, 401);
        }
        let user = json!({ "id": "tester-id", "password": "testing" });
        let elsewhere = json!({ "project": { "id": "other-id" } });
        assert_eq!(login(&server, password(&user), elsewhere).await.status, 401);
    }

    #[tokio::test]
    async fn an_application_credential_opens_its_project_and_catalogues_are_told() {
        let server = SwiftServer::new();
        server.with_application_credential("app", "secret", "test:tester");
        server.with_catalogue(json!([]));
        let identity = |secret: &str| {
            json!({
                "methods": ["application_credential"],
                "application_credential": { "id": "app", "secret": secret },
            })
        };
        let seen = login(&server, identity("secret"), json!(null)).await;
        assert_eq!((seen.status, &seen.json()["token"]["catalog"]), (201, &json!([])));
        assert_eq!(login(&server, identity("other"), json!(null)).await.status, 401);
    }
}
