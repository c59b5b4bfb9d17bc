//! Logging in at Keystone, with the version 3 of its API
//! (<https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management>).

use chrono::{DateTime, Utc};
use http::{HeaderMap, Request, header};
use serde::Deserialize;
use serde_json::{Value, json};
use zato_core::{Error, Result, ambient::Ambient, bytes::Bytes, config::Secret};

use super::{
    Told, User,
    catalogue::{Entry, Wanted},
};
use crate::{config::SwiftConfig, error, transport::Body};

/// Who asks for a token, and what of the catalogue is wanted.
pub(super) struct Keystone {
    url: String,
    who: Who,
    wanted: Wanted,
}

enum Who {
    User { user: User, domain: String, project: Project },
    Application { id: String, secret: Secret },
}

enum Project {
    Id(String),
    Name { name: String, domain: String },
}

/// The part of the answer that matters.
#[derive(Deserialize)]
struct Answer {
    token: Issued,
}

#[derive(Deserialize)]
struct Issued {
    issued_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    catalog: Vec<Entry>,
}

impl Keystone {
    pub(super) fn of(config: &SwiftConfig, user: Option<User>) -> Result<Self, &'static str> {
        let application = config.application_credential_id.clone().zip(config.application_credential_secret.clone());
        let who = match (application, user) {
            (Some((id, secret)), _) => Who::Application { id, secret },
            (None, Some(user)) => {
                Who::User { user, domain: config.user_domain().to_owned(), project: Project::of(config)? }
            }
            (None, None) => return Err("nobody logs in; add a user or an application_credential_id"),
        };
        let url = config.auth_url.as_str().trim_end_matches('/');
        let url = url.strip_suffix("/auth/tokens").unwrap_or(url);
        let url = if url.ends_with("/v3") { url.to_owned() } else { format!("{url}/v3") };
        let wanted = Wanted {
            service_type: config.service_type().to_owned(),
            interface: config.interface(),
            region: config.region().map(ToOwned::to_owned),
        };
        Ok(Self { url: format!("{url}/auth/tokens"), who, wanted })
    }

    pub(super) fn request(&self) -> Result<Request<Body>> {
        let body = json!({ "auth": self.who.to_json() }).to_string();
        Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Body::Bytes(body.into()))
            .map_err(|error| Error::internal("nobody can log in like that").with_source(error))
    }

    /// Reads what one is told: the token, where the account is, and for how long that is good.
    pub(super) fn read(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        is_told_where: bool,
        ambient: &Ambient,
    ) -> Result<Told> {
        let token = headers.get("x-subject-token").cloned();
        let mut token = token.ok_or_else(|| error::unexpected("Keystone gave no token to who logged in"))?;
        token.set_sensitive(true);
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|error| error::unexpected("Keystone's answer can't be read").with_source(error))?;
        let Issued { issued_at, expires_at, catalog } = answer.token;
        let (storage_url, public_url) = if is_told_where {
            (None, None)
        } else {
            (Some(self.wanted.find(&catalog)?), self.wanted.public(&catalog))
        };
        // By Keystone's clock, which need not be ours. One that is over already is good for no time.
        let begun = issued_at.unwrap_or_else(|| ambient.now());
        let lifetime = expires_at.map(|at| (at - begun).to_std().unwrap_or_default());
        Ok(Told { token, storage_url, public_url, lifetime })
    }
}

impl Project {
    fn of(config: &SwiftConfig) -> Result<Self, &'static str> {
        match (config.project_id(), config.tenant_name()) {
            (Some(id), _) => Ok(Self::Id(id.to_owned())),
            (None, Some(name)) => Ok(Self::Name { name: name.to_owned(), domain: config.project_domain().to_owned() }),
            (None, None) => Err("nobody says whose account it is; add the name of a project"),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name { name, domain } => json!({ "name": name, "domain": { "name": domain } }),
        }
    }
}

impl Who {
    fn to_json(&self) -> Value {
        match self {
            Self::User { user, domain, project } => json!({
                "identity": {
                    "methods": ["password"],
                    "password": {
                        "user": { "name": user.name, "domain": { "name": domain }, "password": user.key.expose() }
                    }
                },
                "scope": { "project": project.to_json() }
            }),
            // It has its project, and may name no scope.
            Self::Application { id, secret } => json!({
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": { "id": id, "secret": secret.expose() }
                }
            }),
        }
    }
}
