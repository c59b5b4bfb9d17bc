use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{message::Cid, model::Model};

/// What became of one target of a fan-out: what an `on_target` service takes, and an entry of [`FanoutReply::data`].
///
/// The fields are Zato's.
///
/// ```
/// use zato_core::service::patterns::TargetReply;
///
/// let reply: TargetReply = serde_json::from_str(
///     r#"{"source": "order.place", "target": "stock.reserve", "ok": false, "exception": "sold out", "cid": "c1",
///         "req_ts_utc": "2026-01-01T00:00:00Z", "resp_ts_utc": "2026-01-01T00:00:01Z"}"#,
/// )?;
/// assert_eq!((reply.target.as_str(), reply.ok, reply.response), ("stock.reserve", false, None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TargetReply {
    /// The service that began it.
    pub source: String,
    /// The service that was invoked.
    pub target: String,
    /// What it answered, if all went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    /// Whether all went well.
    pub ok: bool,
    /// What it failed with, in the words that the log gets: nothing for callers outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// When it was invoked.
    pub req_ts_utc: DateTime<Utc>,
    /// When it had ended.
    pub resp_ts_utc: DateTime<Utc>,
    /// The correlation id that it ran under.
    pub cid: Cid,
}

/// What became of a fan-out as a whole: what an `on_final` service takes.
///
/// The fields are Zato's.
///
/// ```
/// use zato_core::{Result, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new().service("crm.get", |client| async move { Ok(client) }).build();
/// let reply = ctx.fanout([("crm.get", 7.into())]).start()?.wait().await?;
/// assert_eq!(reply.data["crm.get"].response, Some(7.into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FanoutReply {
    /// The service that began it.
    pub source: String,
    /// When it was begun.
    pub req_ts_utc: DateTime<Utc>,
    /// Which services were told of each target.
    pub on_target: Vec<String>,
    /// Which services are told of the whole.
    pub on_final: Vec<String>,
    /// What became of each target, by its name.
    pub data: BTreeMap<String, TargetReply>,
}

/// How retries in the background ended: what their callback takes.
///
/// The fields are Zato's.
///
/// ```
/// use zato_core::{Result, Value, testing::TestContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let ctx = TestContext::new()
///     .service("crm.get", |client| async move { Ok(client) })
///     .service("crm.got", |_| async { Ok(Value::Null) })
///     .build();
/// let retry = ctx.invoke_retry_by_name("crm.get", 7.into()).async_fallback_by_name("crm.got");
/// let reply = retry.context("from the example").start()?.wait().await?;
/// assert_eq!((reply.ok, reply.response), (true, Some(7.into())));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RetryReply {
    /// The service that began it.
    pub source: String,
    /// The service that was invoked.
    pub target: String,
    /// How often it was to be invoked again at most.
    pub retry_repeats: u32,
    /// How many seconds were to be between two calls.
    pub retry_seconds: f64,
    /// The correlation id of the request that began it.
    pub orig_cid: Cid,
    /// The correlation id that the calls ran under; the same, unless another one was asked for.
    pub call_cid: Cid,
    /// What whoever began it wants to be told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// What the service answered, if all went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    /// Whether all went well in the end.
    pub ok: bool,
    /// When it was first invoked.
    pub req_ts_utc: DateTime<Utc>,
    /// When it had answered, or was given up.
    pub resp_ts_utc: DateTime<Utc>,
}

impl Model for TargetReply {
    const NAME: &'static str = "TargetReply";

    fn __made_by_the_macro() {}
}

impl Model for FanoutReply {
    const NAME: &'static str = "FanoutReply";

    fn __made_by_the_macro() {}
}

impl Model for RetryReply {
    const NAME: &'static str = "RetryReply";

    fn __made_by_the_macro() {}
}
