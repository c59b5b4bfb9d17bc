//! A server that calls another one, by hand: reqwest, and what a careful program sets on it.

use std::time::Duration;

use reqwest::{Client, Url, header::HeaderValue, redirect::Policy};

use crate::{
    Result,
    customer::{self, GetClientRequest, GetClientResponse},
};

/// Where it is reached.
pub(crate) const PATH: &str = "/api/v1/call";

/// The other server.
pub(crate) struct Partner {
    client: Client,
    url: Url,
}

impl Partner {
    pub(crate) fn new(address: &str) -> Result<Self> {
        // Where another part of the build has it speak TLS, reqwest looks for a provider of cryptography.
        #[cfg(feature = "tls")]
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(3))
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, url: Url::parse(&format!("http://{address}{}", customer::PATH))? })
    }

    /// Asks it, under the correlation id of the request that this is for.
    pub(crate) async fn get_client(&self, input: &GetClientRequest, cid: &[u8]) -> Result<GetClientResponse> {
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(customer::CID, HeaderValue::from_bytes(cid)?)
            .body(serde_json::to_vec(input)?);
        let body = request.send().await?.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice(&body)?)
    }
}
