use std::{
    any::TypeId,
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use crate::{
    channel::BoxFuture,
    config::listing,
    error::{Error, Result},
    message::{ChannelInfo, Content, Head, Message, Payload, Reply},
    service::{Background, Dispatch, InBackground, Input, Invoke, Output, Service, Target, Via},
};

/// Functions in the places of services, for a context that a test made by hand.
#[derive(Default)]
pub(super) struct FakeServices {
    by_name: BTreeMap<String, Fake>,
    by_type: HashMap<TypeId, String>,
}

type Fake = Arc<dyn Fn(Message) -> BoxFuture<'static, Result<Reply>> + Send + Sync>;

/// The fakes of one context.
pub(super) struct Faked {
    services: FakeServices,
    background: Arc<Background>,
}

impl FakeServices {
    /// Puts a function in the place of a service that is known by its name.
    pub(super) fn named<F>(&mut self, name: &str, answer: impl Fn(serde_json::Value) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<serde_json::Value>> + Send + 'static,
    {
        let service = name.to_owned();
        let fake = move |message: Message| -> BoxFuture<'static, Result<Reply>> {
            let Content::Value(value) = message.payload.0 else {
                let remedy = "put a typed one in its place: `.fake(Invoke::<...>::fake(...))`";
                let error = Error::internal(format!("the fake of {service} was invoked with a model; {remedy}"));
                return Box::pin(std::future::ready(Err(error)));
            };
            let answered = answer(value);
            Box::pin(async move { answered.await.map(|value| Reply::new(Payload::from(value))) })
        };
        self.by_name.insert(name.to_owned(), Arc::new(fake));
    }

    /// Puts a function in the place of a service, typed.
    pub(super) fn typed<S: Service>(&mut self, invoke: Invoke<S>) {
        let name = S::definition().name().to_owned();
        let fake = move |message: Message| -> BoxFuture<'static, Result<Reply>> {
            let is_typed = matches!(message.payload.0, Content::Typed(_));
            let input = S::Input::from_payload(message.payload, &message.head);
            let invoke = invoke.clone();
            Box::pin(async move {
                let output = invoke.answer(input?).await?;
                let payload = if is_typed { Payload::typed(output) } else { Payload::from(output.into_value()?) };
                Ok(Reply::new(payload))
            })
        };
        self.by_type.insert(TypeId::of::<S>(), name.clone());
        self.by_name.insert(name, Arc::new(fake));
    }

    pub(super) fn into_dispatch(self) -> Arc<dyn Dispatch> {
        Arc::new(Faked { services: self, background: Arc::new(Background::new()) })
    }
}

impl Faked {
    fn find(&self, target: &Target<'_>) -> Result<(&str, &Fake)> {
        let FakeServices { by_name, by_type } = &self.services;
        let name = match target {
            Target::Name(name) => Some(*name),
            Target::Type(type_id, _) => by_type.get(type_id).map(String::as_str),
        };
        let found = name.and_then(|name| by_name.get_key_value(name)).map(|(name, fake)| (name.as_str(), fake));
        found.ok_or_else(|| {
            if by_name.is_empty() {
                let remedy = "hand the service an `Invoke::fake`, put one into the `TestContext`, or run it in an app with \
                              `testing::app`";
                return Error::internal(format!(
                    "this context was made by hand and leads to no other service: {remedy}"
                ));
            }
            let known = by_name.keys().map(String::as_str);
            let (Target::Name(name) | Target::Type(_, name)) = target;
            Error::internal(listing("service", name, known))
        })
    }
}

impl Dispatch for Faked {
    fn dispatch(
        &self,
        target: Target<'_>,
        payload: Payload,
        from: &Head,
        via: Option<Via>,
    ) -> Result<BoxFuture<'static, Result<Reply>>> {
        let (name, fake) = self.find(&target)?;
        let kind = via.map_or("invoke", |via| via.kind);
        Ok(fake(Message::invoked(from, Arc::new(ChannelInfo::new(kind, kind, name)), payload)))
    }

    fn check(&self, target: &Target<'_>) -> Result<()> {
        self.find(target).map(drop)
    }

    fn background(&self) -> Result<InBackground> {
        Ok(InBackground { background: Arc::clone(&self.background), max: 1_000 })
    }
}

impl fmt::Debug for FakeServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}
