//! The fake of a partner: it stands where the network is, so that all the rest of a call is the real thing.

mod body;
mod call;
mod compare;
mod expectation;
mod reply;
mod report;
mod script;
#[cfg(feature = "soap")]
mod soap;

use std::{fmt, sync::Arc};

use zato_core::{
    ambient::Ambient,
    config::{ConfigFault, ConfigFaults, Files, NodeKind, from_node, from_tagged_node, yaml},
    connection::{ConnectionConfig, Connector, Definitions, Handle, Setup, Slot},
    security::{OutgoingCredentials, SecurityConfig},
    testing::{SequentialIds, TestClock},
};

pub(super) use self::script::Script;
#[cfg(feature = "soap")]
pub use self::soap::{SoapExpectation, SoapFake};
pub use self::{call::PartnerCall, expectation::RestExpectation, reply::PartnerReply};
use super::{Rest, RestConnector};

/// A partner that a test makes up: it expects calls, replies to them or fails as a network does, and records what came.
///
/// A service is given its [`rest`](Self::rest), as an argument or by [`App::fake`](zato_core::app::App::fake). It takes
/// the place of the network and of nothing else: placeholders, query strings, headers, bodies, the correlation id,
/// timeouts and everything else that can be configured are those of a real connection. Delays go by tokio's clock, so
/// that a test with paused time doesn't wait for them. Redirects are not followed.
///
/// A call that nothing was said of gets an error, and fails the test; so does an expectation that no call has met. That
/// is found out when the fake, and every clone of it, has been dropped, or by [`verify`](Self::verify). What is said then
/// shows each call beside the expectation that is nearest to it:
///
/// ```text
/// the partner "CRM" was not called as expected
///
/// call 1 was not expected: GET http://partner.test/get-user?UserName=my.user
///   nearest is expectation 1, which was to come once and never came:
///       method GET
///       path   /get-user
///     - query  UserName=your.user
///     + query  UserName=my.user
///
/// expectation 1 was to come once and never came: GET /get-user UserName=your.user
/// ```
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use zato_core::{Result, Value, service::Context, testing};
/// use zato_rest::{outgoing::Rest, testing::RestFake};
///
/// async fn user_type(ctx: &Context, crm: Rest, name: &str) -> Result<Value> {
///     let user = crm.get(ctx).query("UserName", name).await?.error_for_status()?.value()?;
///     Ok(user["type"].clone())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let crm = RestFake::with_config("url_path: /get-user");
/// crm.expect().get("/get-user").query("UserName", "my.user").reply_json(json!({"type": "RGV"}));
///
/// let ctx = testing::context();
/// assert_eq!(user_type(&ctx, crm.rest(), "my.user").await?, "RGV");
/// assert_eq!(crm.calls()[0].cid(), ctx.cid().as_str());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RestFake {
    script: Arc<Script>,
    rest: Rest,
    /// Dropped with the last clone of the fake; handles, which an app may keep for longer, have none.
    _guard: Arc<Guard>,
}

/// Looks at the end whether everything was as expected.
struct Guard(Arc<Script>);

impl Guard {
    fn of(script: &Arc<Script>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(script)))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Err(report) = self.0.verdict() else { return };
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a test that has failed already says why, and this is the cause")]
            {
                eprintln!("{report}");
            }
        } else {
            panic!("{report}");
        }
    }
}

impl RestFake {
    /// Makes a partner with the settings that a connection has which doesn't say any.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config("")
    }

    /// Makes a partner with settings as they stand in an entry of `outgoing_rest`; `name` and `host` may be left out.
    ///
    /// Calls are not tried again, and no circuit breaker opens, unless the settings have `retry` or `circuit_breaker`, so
    /// that there are as many calls as the service makes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zato_core::{Kind, testing};
    /// use zato_rest::testing::{PartnerReply, RestFake};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let crm = RestFake::with_config("url_path: /clients/{id}\ntimeout: 1s");
    /// crm.expect().get("/clients/7").reply(PartnerReply::status(200).after(Duration::from_secs(60)));
    ///
    /// let slow = crm.rest().get(&testing::context()).path("id", 7).await;
    /// assert_eq!(slow.unwrap_err().kind(), Kind::Timeout);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the settings can't be used, with the reason. A `security` can't be one of them: its definition is elsewhere; see
    /// [`with_credentials`](Self::with_credentials).
    #[must_use]
    #[track_caller]
    pub fn with_config(yaml: &str) -> Self {
        Self::made(yaml, None)
    }

    /// Makes a partner that is presented the credentials of a definition as it stands in `security`.
    ///
    /// ```
    /// use zato_core::testing;
    /// use zato_rest::testing::RestFake;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> zato_core::Result<()> {
    /// let definition = "{name: CRM key, type: apikey, username: bank, password: not-a-secret, header: X-Key}";
    /// let crm = RestFake::with_credentials("url_path: /get-user", definition);
    /// crm.expect().get("/get-user").header("x-key", "not-a-secret").reply_status(200);
    /// crm.rest().get(&testing::context()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If settings or definition can't be used, with the reason. A token that has to be fetched can't: what issues it is
    /// another partner, and not this one.
    #[must_use]
    #[track_caller]
    pub fn with_credentials(yaml: &str, definition: &str) -> Self {
        Self::made(yaml, Some(definition))
    }

    #[track_caller]
    fn made(yaml: &str, definition: Option<&str>) -> Self {
        let made = prepared::<RestConnector>("RestFake", yaml, definition).and_then(|prepared| {
            let script = Arc::new(Script::new(prepared.config()));
            let client = prepared.faked(Arc::clone(&script));
            let client = client.map_err(|error| ConfigFault::new(error.report().to_string()))?;
            Ok((script, Slot::up(&prepared.config().name, client)))
        });
        match made {
            Ok((script, slot)) => {
                let guard = Guard::of(&script);
                Self { script, rest: Rest::from_slot(slot), _guard: guard }
            }
            Err(faults) => panic!("the settings of a fake can't be used: {faults}"),
        }
    }

    /// Returns the handle to call the partner with.
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.rest.clone()
    }

    /// Begins an expectation, which counts once it has a reply.
    ///
    /// Of several that a call fits, the first one that was not met as often as it may be takes it.
    pub fn expect(&self) -> RestExpectation {
        RestExpectation::new(Arc::clone(&self.script))
    }

    /// Has the calls come in the order of the expectations; without it any order will do.
    pub fn in_order(&self) {
        self.script.lock().in_order = true;
    }

    /// Gives the reply to calls that nothing is expected of; they fail no test then.
    pub fn otherwise(&self, reply: PartnerReply) {
        self.script.lock().otherwise = Some(reply);
    }

    /// Returns the calls that came so far, in their order.
    #[must_use]
    pub fn calls(&self) -> Vec<PartnerCall> {
        self.script.lock().calls.iter().map(|noted| noted.call.clone()).collect()
    }

    /// Says that this was all, and that it was as expected.
    ///
    /// # Panics
    ///
    /// If a call came that was not expected, or an expected one did not come, with the difference.
    #[track_caller]
    pub fn verify(&self) {
        if let Err(report) = self.script.verdict() {
            panic!("{report}");
        }
    }
}

impl Default for RestFake {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RestFake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestFake").field("rest", &self.rest).finish_non_exhaustive()
    }
}

/// What the settings of a fake need not say. A test counts the calls of its service: only one that is about retries or the
/// circuit breaker has them.
const DEFAULTS: &str = "\
name: partner
host: http://partner.test
retry: {max_retries: 0}
circuit_breaker: {is_active: false}
";

/// Works out what settings mean; `file` stands where the name of a file does in what is said of them.
fn prepared<C: Connector>(file: &str, yaml: &str, definition: Option<&str>) -> Result<C::Prepared, ConfigFaults> {
    let mut node = yaml::parse(file, yaml)?;
    if matches!(node.kind, NodeKind::Null) {
        node.kind = NodeKind::Map(Vec::new());
    }
    let defaults = yaml::parse(file, DEFAULTS)?;
    let missing: Vec<_> = defaults.entries().iter().filter(|(key, _)| node.get(&key.name).is_none()).cloned().collect();
    if let NodeKind::Map(entries) = &mut node.kind {
        entries.extend(missing);
    }
    let config: C::Config = from_node(&node)?;
    let security = definition.map(security).transpose()?.map(Arc::new);
    if config.security().is_some() && security.is_none() {
        let place = &node.at_path("security").unwrap_or(&node).origin;
        return Err(ConfigFault::at(place, "the definition is elsewhere; give it to `with_credentials`").into());
    }
    let (files, ambient) = (Files::in_folder("."), Ambient::new(TestClock::default(), SequentialIds::default()));
    let definitions = Definitions::default();
    C::prepare(Setup { config, node: &node, security, definitions: &definitions, files: &files, ambient: &ambient })
}

fn security(yaml: &str) -> Result<SecurityConfig, ConfigFault> {
    let node = yaml::parse("security", yaml)?;
    let definition: SecurityConfig = from_tagged_node(&node, "type")?;
    match OutgoingCredentials::of(&definition) {
        Ok(OutgoingCredentials::Token(_)) => {
            let words = "this token would be fetched over the network; give a \"token\" that is there";
            Err(ConfigFault::at(&node.origin, words))
        }
        _ => Ok(definition),
    }
}

#[cfg(test)]
mod tests;
