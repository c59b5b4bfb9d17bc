//! Where a channel remembers: objects of a container of its own, one for each that it has served.
//!
//! `CHANNEL/served/CONTAINER/NAME` has the version as its content and a [`Mark`] as its content type, so that one listing in the
//! order of names tells of every object what a request for each would. A name that has no room there is remembered under
//! its checksum, `CHANNEL/long/CONTAINER/SHA-256`, and asked for by itself.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::{Method, StatusCode, header};
use sha2::{Digest, Sha256};
use zato_core::{Result, bytes::Bytes, connection::Handle};

use super::mark::{Mark, Version};
use crate::{
    ObjectEntry, Swift, SwiftErrorKind,
    container::ListRequest,
    container::Listed,
    error::{self, kind_of},
    name,
    object::{date, etag, hexadecimal, md5, timestamp},
    transport::Body,
    wire::{Answer, Call},
};

/// How much is read of what is remembered.
const MOST: usize = 8 * 1024;

/// What a channel remembers.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) swift: Swift,
    container: Arc<str>,
    /// The channel's name, as it stands between slashes.
    channel: Arc<str>,
}

/// What is remembered of an object.
#[derive(Debug)]
pub(super) struct Remembered {
    /// The version, as [`Version::as_str`] has it.
    pub(super) version: String,
    pub(super) mark: Mark,
    /// How long that is since, by the server's clock.
    pub(super) since: chrono::Duration,
}

impl Store {
    pub(super) fn new(swift: Swift, container: &str, channel: &str) -> Self {
        Self { swift, container: container.into(), channel: channel.into() }
    }

    /// Returns whether both are the same memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_same_place = self.container == other.container && self.channel == other.channel;
        is_same_place && Arc::ptr_eq(self.swift.slot(), other.swift.slot())
    }

    /// Makes the container.
    pub(super) async fn create(&self) -> Result<()> {
        match self.swift.container(&self.container).create().await {
            // Who may not make containers may use this one all the same, which what follows tells.
            Err(error) if kind_of(&error) == Some(SwiftErrorKind::NotAllowed) => Ok(()),
            made => made.map(drop),
        }
    }

    /// Lists what is remembered of objects whose names begin with this.
    pub(super) fn list<'a>(&'a self, container: &str, prefix: &str) -> ListRequest<'a, Listed> {
        self.listing().prefix(format!("{}{prefix}", self.served(container)))
    }

    /// Lists what is remembered of objects whose names have no room.
    pub(super) fn list_long<'a>(&'a self, container: &str) -> ListRequest<'a, Listed> {
        self.listing().prefix(self.long(container))
    }

    fn listing(&self) -> ListRequest<'_, Listed> {
        ListRequest::new(&self.swift, Some(&self.container)).at_once()
    }

    /// Returns the name of an object that something listed is about.
    pub(super) fn name_of(&self, container: &str, listed: &str) -> Option<String> {
        listed.strip_prefix(&self.served(container)).map(ToOwned::to_owned)
    }

    /// Returns whether a name has no room in the listing.
    pub(super) fn is_long(&self, container: &str, name: &str) -> bool {
        self.served(container).len() + name.len() > name::OBJECT
    }

    fn served(&self, container: &str) -> String {
        format!("{}/served/{container}/", self.channel)
    }

    fn long(&self, container: &str) -> String {
        format!("{}/long/{container}/", self.channel)
    }

    /// Returns where a lease of a container stands.
    pub(super) fn lease(&self, container: &str) -> String {
        format!("{}/lease/{container}", self.channel)
    }

    fn place(&self, container: &str, name: &str) -> String {
        if self.is_long(container, name) {
            let sum = hexadecimal(&Sha256::digest(name.as_bytes()));
            format!("{}{sum}", self.long(container))
        } else {
            format!("{}{name}", self.served(container))
        }
    }

    /// Returns what stands there: of a long name the name, too, which its checksum does not tell.
    fn content(&self, container: &str, name: &str, version: &Version) -> String {
        let version = version.as_str();
        if self.is_long(container, name) { format!("{version}\n{name}") } else { version.to_owned() }
    }

    /// Makes a request about something that stands here. It waits for no place: what has one may be waiting for it.
    pub(super) fn call(&self, method: Method, place: &str) -> Result<Call> {
        Ok(Call::object(method, &self.container, place)?.at_once())
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer> {
        self.swift.call(call).await
    }

    /// Stores something small.
    pub(super) fn put(&self, place: &str, content: String) -> Result<Call> {
        let call = self.call(Method::PUT, place)?.text(header::ETAG, &md5(content.as_bytes()))?;
        Ok(call.body(Body::Bytes(Bytes::from(content))))
    }

    /// Reads something small; gives its content and what the server says of it.
    pub(super) async fn get(&self, place: &str) -> Result<Option<(String, Mark, Times)>> {
        let answer = self.send(self.call(Method::GET, place)?.accepting(StatusCode::NOT_FOUND)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer.done().await;
            return Ok(None);
        }
        let mark = Mark::parse(answer.text(header::CONTENT_TYPE.as_str()).unwrap_or_default());
        let times = Times { stored: timestamp(&answer), now: date(&answer) };
        let content = String::from_utf8_lossy(&answer.bytes(MOST).await?).into_owned();
        Ok(Some((content, mark, times)))
    }

    /// Returns what is remembered of an object.
    pub(super) async fn read(&self, container: &str, name: &str) -> Result<Option<Remembered>> {
        let Some((content, mark, times)) = self.get(&self.place(container, name)).await? else { return Ok(None) };
        let version = content.split('\n').next().unwrap_or_default().to_owned();
        Ok(Some(Remembered { version, mark, since: times.since() }))
    }

    /// Returns what a listing would have of a long name.
    pub(super) async fn look_up(&self, container: &str, name: &str, version: &Version) -> Result<Option<ObjectEntry>> {
        let place = self.place(container, name);
        let answer = self.send(self.call(Method::HEAD, &place)?.accepting(StatusCode::NOT_FOUND)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer.done().await;
            return Ok(None);
        }
        let is_this = etag(&answer) == Some(md5(self.content(container, name, version).as_bytes()));
        let found = ObjectEntry {
            name: name.to_owned(),
            etag: if is_this { version.checksum() } else { String::new() },
            bytes: 0,
            content_type: answer.text(header::CONTENT_TYPE.as_str()).unwrap_or_default().to_owned(),
            last_modified: timestamp(&answer),
        };
        answer.done().await;
        Ok(Some(found))
    }

    /// Returns the long name that something listed is about.
    pub(super) async fn long_name(&self, listed: &str) -> Result<Option<String>> {
        let found = self.get(listed).await?;
        Ok(found.and_then(|(content, ..)| Some(content.split_once('\n')?.1.to_owned())))
    }

    /// Remembers something of an object, in the place of what was there.
    pub(super) async fn write(&self, container: &str, name: &str, version: &Version, mark: Mark) -> Result<()> {
        let content = self.content(container, name, version);
        let call = self.put(&self.place(container, name), content)?.text(header::CONTENT_TYPE, &mark.content_type())?;
        let answer = self.send(call).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(error::unexpected(format!("status {} to a PUT", answer.status().as_u16())));
        }
        answer.done().await;
        Ok(())
    }

    /// Forgets an object.
    pub(super) async fn forget(&self, container: &str, name: &str) -> Result<()> {
        self.delete(&self.place(container, name)).await
    }

    pub(super) async fn delete(&self, place: &str) -> Result<()> {
        let call = self.call(Method::DELETE, place)?.accepting(StatusCode::NOT_FOUND);
        self.send(call).await?.done().await;
        Ok(())
    }
}

/// What the server's clock says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When something was stored.
    pub(super) stored: Option<DateTime<Utc>>,
    /// When it answered, to the second.
    pub(super) now: Option<DateTime<Utc>>,
}

impl Times {
    /// Returns how long something is there; for ever, if the server does not say.
    fn since(self) -> chrono::Duration {
        match (self.stored, self.now) {
            (Some(stored), Some(now)) => now.signed_duration_since(stored),
            _ => chrono::Duration::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeSwift;

    #[tokio::test]
    async fn what_is_remembered_is_found_under_the_name_or_its_checksum() {
        let fake = Swift::fake().await;
        let store = Store::new(fake.swift(), "state", "in%2Fvoices");
        store.create().await.unwrap();
        let entry: ObjectEntry = serde_json::from_str(
            r#"{"name": "a", "hash": "0cc1", "bytes": 1, "last_modified": "2026-11-23T00:58:55.123450"}"#,
        )
        .unwrap();
        let version = Version::of(&entry).unwrap();
        let (short, long) = ("2026/ż 1".to_owned(), "n".repeat(1020));
        assert!(!store.is_long("CRM", &short) && store.is_long("CRM", &long));
        for name in [&short, &long] {
            assert!(store.read("CRM", name).await.unwrap().is_none());
            store.write("CRM", name, &version, Mark::Served).await.unwrap();
            let read = store.read("CRM", name).await.unwrap().unwrap();
            assert_eq!((read.version.as_str(), read.mark), (version.as_str(), Mark::Served));
            assert!(read.since.num_seconds() <= 0 && read.since.num_seconds() >= -2, "{read:?}");
        }
        let names = fake.server().objects("state");
        assert_eq!(names[1], "in%2Fvoices/served/CRM/2026/ż 1");
        assert_eq!(store.name_of("CRM", &names[1]), Some(short.clone()));
        assert_eq!(store.long_name(&names[0]).await.unwrap(), Some(long.clone()));
        let found = store.look_up("CRM", &long, &version).await.unwrap().unwrap();
        assert_eq!((found.etag, found.content_type.as_str()), (version.checksum(), "application/x-zato-served"));
        for name in [&short, &long] {
            store.forget("CRM", name).await.unwrap();
            store.forget("CRM", name).await.unwrap();
        }
        assert!(fake.server().objects("state").is_empty());
    }

    #[tokio::test]
    async fn every_name_has_room_for_its_checksum() {
        let fake = FakeSwift::with_config("").await;
        let store = Store::new(fake.swift(), "state", &"c".repeat(256));
        assert!(store.place(&"d".repeat(256), &"n".repeat(1024)).len() <= name::OBJECT);
    }
}
