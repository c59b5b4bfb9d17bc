//! The fake of a partner that speaks SOAP.

use std::{fmt, sync::Arc};

use serde::Serialize;
use zato_core::{
    config::ConfigFault,
    connection::{Handle, Slot},
    format::{
        soap::Version,
        xml::{self, Document},
    },
};

use super::{Guard, PartnerCall, PartnerReply, RestExpectation, Script, prepared};
use crate::{
    outgoing::soap::{Soap, SoapConnector},
    soap::wsdl::markup::Escaped,
};

/// A SOAP partner that a test makes up: it expects operations, replies to them or fails, and records what came.
///
/// A service is given its [`soap`](Self::soap), as an argument or by [`App::fake`](zato_core::app::App::fake). It takes
/// the place of the network and of nothing else, as [`RestFake`](super::RestFake) does, whose rules are its own: a call
/// that nothing was said of fails the test, and so does an expectation that no call has met.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use zato_core::{Result, service::Context, testing};
/// use zato_rest::{outgoing::soap::Soap, testing::SoapFake};
///
/// async fn rate(ctx: &Context, rates: Soap, day: &str) -> Result<String> {
///     let answer = rates.invoke(ctx, "GetRate").model(&BTreeMap::from([("day", day)])).await?;
///     Ok(answer.body().and_then(|body| body.child("rate")).map(|rate| rate.text().into_owned()).unwrap_or_default())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let rates = SoapFake::with_config("namespace: urn:rates");
/// rates.expect("GetRate").body_contains("<day>1</day>").reply_model(&BTreeMap::from([("rate", "0.61")]));
///
/// let ctx = testing::context();
/// assert_eq!(rate(&ctx, rates.soap(), "1").await?, "0.61");
/// assert_eq!(rates.calls()[0].header("soapaction"), Some("\"\""));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SoapFake {
    script: Arc<Script>,
    soap: Soap,
    envelope: Envelope,
    /// Dropped with the last clone of the fake; handles, which an app may keep for longer, have none.
    _guard: Arc<Guard>,
}

/// What replies are put into.
#[derive(Clone)]
struct Envelope {
    version: Version,
    namespace: Option<String>,
}

impl SoapFake {
    /// Makes a partner with the settings that a connection has which doesn't say any: SOAP 1.1, and no namespace.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config("")
    }

    /// Makes a partner with settings as they stand in an entry of `outgoing_soap`; `name` and `host` may be left out.
    ///
    /// Calls are not tried again, and no circuit breaker opens, unless the settings have `retry` or `circuit_breaker`.
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
    /// # Panics
    ///
    /// If settings or definition can't be used, with the reason.
    #[must_use]
    #[track_caller]
    pub fn with_credentials(yaml: &str, definition: &str) -> Self {
        Self::made(yaml, Some(definition))
    }

    #[track_caller]
    fn made(yaml: &str, definition: Option<&str>) -> Self {
        let made = prepared::<SoapConnector>("SoapFake", yaml, definition).and_then(|prepared| {
            let script = Arc::new(Script::new(prepared.rest().config()));
            let (version, namespace) = prepared.spoken();
            let client = prepared.faked(Arc::clone(&script));
            let client = client.map_err(|error| ConfigFault::new(error.report().to_string()))?;
            Ok((Slot::up(&prepared.rest().config().name, client), Envelope { version, namespace }, script))
        });
        match made {
            Ok((slot, envelope, script)) => {
                let guard = Guard::of(&script);
                Self { script, soap: Soap::from_slot(slot), envelope, _guard: guard }
            }
            Err(faults) => panic!("the settings of a fake can't be used: {faults}"),
        }
    }

    /// Returns the handle to call the partner with.
    #[must_use]
    pub fn soap(&self) -> Soap {
        self.soap.clone()
    }

    /// Begins the expectation of an operation, which counts once it has a reply.
    ///
    /// Of several that a call fits, the first one that was not met as often as it may be takes it.
    pub fn expect(&self, operation: &str) -> SoapExpectation {
        let wanted = operation.to_owned();
        let what = format!("the element {operation} in its body");
        let rest = RestExpectation::new(Arc::clone(&self.script))
            .matching(what, move |call| operation_of(call).as_deref() == Some(wanted.as_str()));
        SoapExpectation { rest, operation: operation.to_owned(), envelope: self.envelope.clone() }
    }

    /// Has the calls come in the order of the expectations; without it any order will do.
    pub fn in_order(&self) {
        self.script.lock().in_order = true;
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

/// Returns the name of the element in the body of what was sent.
fn operation_of(call: &PartnerCall) -> Option<String> {
    let document = Document::parse(call.body.clone()).ok()?;
    let body = document.root().child("Body")?;
    body.children().next().map(|element| element.name().to_owned())
}

impl Default for SoapFake {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SoapFake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoapFake").field("soap", &self.soap).finish_non_exhaustive()
    }
}

/// An operation that a partner of the test kit expects, once unless something else is said, and what it replies.
///
/// # Examples
///
/// ```
/// use zato_core::{Kind, Result, testing};
/// use zato_rest::{outgoing::soap::SoapFault, testing::SoapFake};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let crm = SoapFake::new();
/// crm.expect("GetClient").action("urn:get").reply_fault("Client", "no such client");
///
/// let error = crm.soap().invoke(&testing::context(), "GetClient").action("urn:get").await.unwrap_err();
/// assert_eq!(error.find::<SoapFault>().map(SoapFault::reason), Some("no such client"));
/// assert_eq!(error.kind(), Kind::Upstream);
/// # Ok(())
/// # }
/// ```
#[must_use = "an expectation counts once it has a reply"]
pub struct SoapExpectation {
    rest: RestExpectation,
    operation: String,
    envelope: Envelope,
}

impl SoapExpectation {
    /// Expects a value of `SOAPAction`, or in SOAP 1.2 of the parameter `action` of the content type.
    pub fn action(mut self, action: &str) -> Self {
        let wanted = format!("\"{action}\"");
        let version = self.envelope.version;
        self.rest = self.rest.matching(format!("the action {action}"), move |call| match version {
            Version::V11 => call.header("soapaction") == Some(wanted.as_str()),
            Version::V12 => {
                call.header("content-type").is_some_and(|value| value.ends_with(&format!("; action={wanted}")))
            }
        });
        self
    }

    /// Expects a header of HTTP.
    ///
    /// # Panics
    ///
    /// If the name can't be that of a header.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.rest = self.rest.header(name, value);
        self
    }

    /// Expects an envelope that has a text in it.
    pub fn body_contains(mut self, text: impl Into<String>) -> Self {
        self.rest = self.rest.body_contains(text);
        self
    }

    /// Expects whatever a function looks at; `what` says what that is, where it doesn't hold.
    pub fn matching(
        mut self,
        what: impl Into<String>,
        holds: impl Fn(&PartnerCall) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.rest = self.rest.matching(what, holds);
        self
    }

    /// Expects the call so many times; 0 is never.
    pub fn times(mut self, times: usize) -> Self {
        self.rest = self.rest.times(times);
        self
    }

    /// Takes the call as often as it comes, and misses nothing if it doesn't.
    pub fn any_number(mut self) -> Self {
        self.rest = self.rest.any_number();
        self
    }

    /// Replies with a model, in an element named like the operation with `Response` behind it.
    ///
    /// # Panics
    ///
    /// If it can't be written as XML.
    #[track_caller]
    pub fn reply_model<T: Serialize + ?Sized>(self, model: &T) {
        let (name, namespace) = (format!("{}Response", self.operation), self.envelope.namespace.as_deref());
        let mut body = String::new();
        xml::write_element(&mut body, model, &name, namespace).expect("the reply can be written as XML");
        self.reply_xml(&body);
    }

    /// Replies with XML in the body of an envelope.
    pub fn reply_xml(self, body: &str) {
        let reply = self.envelope.reply(body);
        self.reply(reply);
    }

    /// Replies with a fault of a code without a prefix, such as `Client`, or in SOAP 1.2 `Sender`.
    pub fn reply_fault(self, code: &str, reason: &str) {
        let (code, reason) = (Escaped(code), Escaped(reason));
        let reply = self.envelope.reply(&match self.envelope.version {
            Version::V11 => format!(
                "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{reason}</faultstring></soap:Fault>"
            ),
            Version::V12 => format!(
                "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason>\
                 <soap:Text xml:lang=\"en\">{reason}</soap:Text></soap:Reason></soap:Fault>"
            ),
        });
        self.reply(reply.with_status(500));
    }

    /// Replies with anything, or fails as a network does.
    pub fn reply(self, reply: PartnerReply) {
        self.rest.reply(reply);
    }
}

impl Envelope {
    fn reply(&self, body: &str) -> PartnerReply {
        let namespace = self.version.namespace();
        let text = format!("<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>{body}</soap:Body></soap:Envelope>");
        let content_type = self.version.content_type();
        let content_type = content_type.to_str().expect("a content type of ours is text");
        PartnerReply::bytes(text).header("content-type", content_type)
    }
}

impl fmt::Debug for SoapExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoapExpectation").field("operation", &self.operation).finish_non_exhaustive()
    }
}
