use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use zato_core::{
    Result,
    connection::{Handle, Slot},
};

use crate::{
    account::{self, Account},
    connector::{SwiftClient, SwiftConnector},
    container::{Container, ContainerEntry, ListRequest},
    metadata::Metadata,
    object::Object,
    wire::{Answer, Call},
};

/// The handle of an outgoing connection to OpenStack Swift: `#[out("Invoices")] storage: Swift`.
///
/// # Errors
///
/// What all verbs have in common:
///
/// - [`Unavailable`](zato_core::Kind::Unavailable) if the connection is down; if it broke, or the server can't do it now (500,
///   502, 503, 504), also after the `retries`; if no place was free in time; or if the server's disks are full (507).
/// - [`Timeout`](zato_core::Kind::Timeout) if nothing moved for the `timeout`.
/// - [`RateLimited`](zato_core::Kind::RateLimited) if the server is asked too often (498, 429).
/// - [`NotFound`](zato_core::Kind::NotFound) if there is no such container or object.
/// - [`Conflict`](zato_core::Kind::Conflict) if a condition was not met (412), or a container is not empty (409).
/// - [`TooLarge`](zato_core::Kind::TooLarge) if there is no room for it in the account or container (413).
/// - [`Upstream`](zato_core::Kind::Upstream) if the server does not allow it (403), does not accept who asks (401), or what
///   arrived is not what was sent (422).
/// - [`InvalidInput`](zato_core::Kind::InvalidInput) if a name can't be used: empty, too long, with a line break, or with a
///   segment of dots.
///
/// [`SwiftError`](crate::SwiftError) is among the causes, and says which of these it was.
///
/// # Cancel safety
///
/// Of every verb: may be dropped at any time. An object is stored whole or not at all; whether it was is not known if the
/// answer was not waited for.
///
/// # Examples
///
/// ```
/// use zato_core::{Result, bytes::Bytes};
/// use zato_swift::Swift;
///
/// async fn dispatch(storage: &Swift, target: &str, invoice: Bytes) -> Result<()> {
///     storage.container(target).object("Invoice").put(invoice).content_type("application/json").await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Swift(Arc<Slot<SwiftConnector>>);

impl Swift {
    /// Returns a container, which need not be there.
    #[must_use]
    pub fn container(&self, name: &str) -> Container {
        Container::new(self, name)
    }

    /// Returns an object, which need not be there; the same as `container(container).object(name)`.
    #[must_use]
    pub fn object(&self, container: &str, name: &str) -> Object {
        Object::new(self.clone(), container.into(), name.into())
    }

    /// Begins to list the containers of the account, in the order of their names.
    pub fn containers(&self) -> ListRequest<ContainerEntry> {
        ListRequest::new(self.clone(), None)
    }

    /// Returns what the account has.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "head_account")]
    pub async fn account(&self) -> Result<Account> {
        self.client()?.head_account().await
    }

    /// Sets metadata of the account; an empty value removes what is there, and what is not named is left.
    ///
    /// # Errors
    ///
    /// As [all verbs](Swift#errors).
    #[doc(alias = "post_account")]
    pub async fn set_account_metadata(&self, metadata: &Metadata) -> Result<()> {
        let call = Call::account(Method::POST).headers(metadata.headers(account::META)?);
        self.call(call).await?.done().await;
        Ok(())
    }

    /// Asks for the account, and returns how long it took until that was answered.
    ///
    /// # Errors
    ///
    /// As [`Slot::ping`].
    pub async fn ping(&self) -> Result<Duration> {
        self.0.ping().await
    }

    /// Returns the connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub(crate) fn client(&self) -> Result<Arc<SwiftClient>> {
        self.0.client()
    }

    pub(crate) async fn call(&self, call: Call) -> Result<Answer> {
        self.client()?.wire.call(call).await
    }
}

impl SwiftClient {
    pub(crate) async fn head_account(&self) -> Result<Account> {
        let answer = self.wire.call(Call::account(Method::HEAD)).await?;
        let account = Account::of(&answer);
        answer.done().await;
        account
    }

    /// Asks the account for a sign of life: once, and however many requests are on their way. Who may use some containers alone is
    /// refused the account itself, with a token that was accepted.
    pub(crate) async fn is_alive(&self) -> Result<()> {
        let call = Call::account(Method::HEAD).accepting(StatusCode::FORBIDDEN).at_once().tried_once();
        self.wire.call(call).await?.done().await;
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl Handle for Swift {
    type Connector = SwiftConnector;

    fn from_slot(slot: Arc<Slot<SwiftConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<SwiftConnector>> {
        &self.0
    }
}
