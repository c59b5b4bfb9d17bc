//! Where the objects are: one logs in, and makes and deletes a container, neither of which opendal does.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use reqwest::{Client, Method, Response, StatusCode};

use crate::{
    Result,
    objects::{Job, LARGE, SMALL, large, large_name, read_name, small},
    opendal::operator,
};

/// An account of Swift, with one container of ours.
pub(crate) struct Account<'a> {
    pub(crate) auth_url: &'a str,
    pub(crate) user: &'a str,
    pub(crate) key: &'a str,
    pub(crate) container: &'a str,
}

/// What one is told after logging in.
pub(crate) struct Session {
    pub(crate) storage_url: String,
    pub(crate) token: String,
}

/// How long one waits for an answer that is not measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is tried to delete a container. What was deleted from it may be listed for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

impl Account<'_> {
    /// Logs in as TempAuth has it.
    pub(crate) async fn log_in(&self, client: &Client) -> Result<Session> {
        let request = client.get(self.auth_url).header("x-auth-user", self.user).header("x-auth-key", self.key);
        let answer = request.timeout(PATIENCE).send().await?.error_for_status()?;
        let told = |name: &str| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned).ok_or_else(|| format!("the server does not tell {name}"))
        };
        Ok(Session { storage_url: told("x-storage-url")?, token: told("x-auth-token")? })
    }

    /// Makes the container, with what a job reads in it.
    pub(crate) async fn prepare(&self, job: Job) -> Result<()> {
        let client = client()?;
        let session = self.log_in(&client).await?;
        self.ask(&client, &session, Method::PUT).await?.error_for_status()?;
        let operator = operator(&session, self.container, client)?;
        match job {
            Job::PutSmall | Job::PutLarge => {}
            Job::GetSmall => {
                for piece in 0..SMALL {
                    operator.write(&read_name(piece), small()).await?;
                }
            }
            Job::GetLarge => {
                for megabytes in LARGE {
                    operator.write(&large_name(megabytes), large(megabytes)).await?;
                }
            }
        }
        Ok(())
    }

    /// Deletes the container with all that is in it.
    pub(crate) async fn remove(&self) -> Result<()> {
        let client = client()?;
        let session = self.log_in(&client).await?;
        let operator = operator(&session, self.container, client.clone())?;
        for _ in 0..TRIES {
            let mut objects = operator.lister("").await?;
            let mut names = Vec::new();
            while let Some(object) = objects.try_next().await? {
                names.push(object.path().to_owned());
            }
            operator.delete_iter(names).await?;
            let answer = self.ask(&client, &session, Method::DELETE).await?;
            if answer.status() != StatusCode::CONFLICT {
                let is_gone = answer.status() == StatusCode::NOT_FOUND;
                return if is_gone { Ok(()) } else { Ok(answer.error_for_status().map(drop)?) };
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(format!("the container {} does not become empty", self.container).into())
    }

    async fn ask(&self, client: &Client, session: &Session, method: Method) -> Result<Response> {
        let url = format!("{}/{}", session.storage_url, self.container);
        let request = client.request(method, url).header("x-auth-token", &session.token).header("content-length", 0);
        Ok(request.timeout(PATIENCE).send().await?)
    }
}

/// One that waits for nothing for ever.
fn client() -> Result<Client> {
    Ok(Client::builder().no_proxy().connect_timeout(PATIENCE).read_timeout(PATIENCE).build()?)
}
