//! Where a channel remembers: objects of a container of its own, one for each version that it has served.
//!
//! `CHANNEL/served/CONTAINER/NAME`, with the version behind it, has a [`Mark`] as its content type, so that one listing in the order
//! of names tells of every object what a request for each would. No two versions share one, so that whoever learns late what
//! became of a version changes nothing about the next one: Swift overwrites whatever there is. A name that has no room
//! there is remembered under its checksum, `CHANNEL/long/CONTAINER/SHA-256`, and asked for by itself.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::{Method, StatusCode, header};
use sha2::{Digest, Sha256};
use zato_core::{Result, bytes::Bytes, connection::Handle};

use super::mark::{Mark, Version};
use crate::{
    ObjectEntry, Swift, SwiftErrorKind,
    container::{ListRequest, Listed},
    error::{self, kind_of},
    name,
    object::{date, hexadecimal, md5, timestamp},
    transport::Body,
    wire::{Answer, Call},
};

/// How much is read of what is remembered.
const MOST: usize = 8 * 1024;

/// What stands between a name and a version. It is less than all that names have, so that they are in the same order with a
/// version and without; and XML can have it, in which other listings are written.
const BETWEEN: char = '\t';

/// What a channel remembers.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) swift: Swift,
    container: Arc<str>,
    /// The channel's name, as it stands between slashes.
    channel: Arc<str>,
}

/// What is remembered of a version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub(super) mark: Mark,
    pub(super) times: Times,
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

    /// Tells whether a container of objects is there.
    pub(super) async fn has(&self, container: &str) -> Result<bool> {
        let call = Call::container(Method::HEAD, container)?.accepting(StatusCode::NOT_FOUND).at_once();
        let answer = self.swift.call(call).await?;
        let is_there = answer.status() != StatusCode::NOT_FOUND;
        answer.done().await;
        Ok(is_there)
    }

    /// Lists what is remembered of objects whose names begin with this.
    pub(super) fn list(&self, container: &str, prefix: &str) -> ListRequest<Listed> {
        self.listing().prefix(format!("{}{prefix}", self.served(container)))
    }

    /// Lists what is remembered of objects whose names have no room.
    pub(super) fn list_long(&self, container: &str) -> ListRequest<Listed> {
        self.listing().prefix(self.long(container))
    }

    fn listing(&self) -> ListRequest<Listed> {
        self.swift.container(&self.container).objects().at_once()
    }

    /// Returns which version of which object something listed is about.
    pub(super) fn version_of(&self, container: &str, listed: &str) -> Option<(String, Version)> {
        let (name, version) = listed.strip_prefix(&self.served(container))?.rsplit_once(BETWEEN)?;
        Some((name.to_owned(), Version::parse(version)?))
    }

    /// Returns whether a name has no room in the listing.
    pub(super) fn is_long(&self, container: &str, name: &str) -> bool {
        self.served(container).len() + name.len() + BETWEEN.len_utf8() + Version::ROOM > name::OBJECT
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

    fn place(&self, container: &str, name: &str, version: &Version) -> String {
        let version = version.text();
        if self.is_long(container, name) {
            let sum = hexadecimal(&Sha256::digest(name.as_bytes()));
            format!("{}{sum}{BETWEEN}{version}", self.long(container))
        } else {
            format!("{}{name}{BETWEEN}{version}", self.served(container))
        }
    }

    /// Makes a request about something that stands here. It waits for no place: what has one may be waiting for it.
    pub(super) fn call(&self, method: Method, place: &str) -> Call {
        // No name of a caller's has what stands before versions.
        Call::of_path(method, &name::path(&self.container, Some(place)), None).at_once()
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer> {
        self.swift.call(call).await
    }

    /// Stores something small.
    pub(super) fn put(&self, place: &str, content: String) -> Result<Call> {
        let call = self.call(Method::PUT, place).text(header::ETAG, &md5(content.as_bytes()))?;
        Ok(call.body(Body::Bytes(Bytes::from(content))))
    }

    /// Reads something small; gives its content and what is known of it.
    pub(super) async fn get(&self, place: &str) -> Result<Option<(String, Remembered)>> {
        let answer = self.send(self.call(Method::GET, place).accepting(StatusCode::NOT_FOUND)).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            answer.done().await;
            return Ok(None);
        }
        let mark = Mark::parse(answer.text(header::CONTENT_TYPE.as_str()).unwrap_or_default());
        let times = Times { stored: timestamp(&answer), now: date(&answer) };
        let content = String::from_utf8_lossy(&answer.bytes(MOST).await?).into_owned();
        Ok(Some((content, Remembered { mark, times })))
    }

    /// Returns what is remembered of a version.
    pub(super) async fn read(&self, container: &str, name: &str, version: &Version) -> Result<Option<Remembered>> {
        let found = self.get(&self.place(container, name, version)).await?;
        Ok(found.map(|(_, remembered)| remembered))
    }

    /// Returns the long name that something listed is about, and which version.
    pub(super) async fn long_name(&self, listed: &str) -> Result<Option<(String, Version)>> {
        let version = listed.rsplit_once(BETWEEN).and_then(|(_, version)| Version::parse(version));
        Ok(self.get(listed).await?.map(|(name, _)| name).zip(version))
    }

    /// Remembers something of a version, in the place of what was there.
    pub(super) async fn write(&self, container: &str, name: &str, version: &Version, mark: Mark) -> Result<()> {
        // The checksum does not tell the name.
        let content = if self.is_long(container, name) { name } else { "" };
        let call = self.put(&self.place(container, name, version), content.to_owned())?;
        let answer = self.send(call.text(header::CONTENT_TYPE, &mark.content_type())?).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(error::unexpected(format!("status {} to a PUT", answer.status().as_u16())));
        }
        answer.done().await;
        Ok(())
    }

    /// Forgets a version.
    pub(super) async fn forget(&self, container: &str, name: &str, version: &Version) -> Result<()> {
        self.delete(&self.place(container, name, version)).await
    }

    pub(super) async fn delete(&self, place: &str) -> Result<()> {
        let call = self.call(Method::DELETE, place).accepting(StatusCode::NOT_FOUND);
        self.send(call).await?.done().await;
        Ok(())
    }
}

impl Remembered {
    /// Returns what a listing has of it.
    pub(super) fn listed(entry: &ObjectEntry) -> Self {
        Self { mark: Mark::parse(&entry.content_type), times: Times { stored: entry.last_modified, now: None } }
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
    pub(super) fn since(self) -> chrono::Duration {
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
            assert!(store.read("CRM", name, &version).await.unwrap().is_none());
            store.write("CRM", name, &version, Mark::Served).await.unwrap();
            let read = store.read("CRM", name, &version).await.unwrap().unwrap();
            assert_eq!(read.mark, Mark::Served);
            assert!((-2..=0).contains(&read.times.since().num_seconds()), "{read:?}");
        }
        let names = fake.server().objects("state");
        assert_eq!(names[1], "in%2Fvoices/served/CRM/2026/ż 1\t2026-11-23T00:58:55.123450 0cc1");
        assert_eq!(store.version_of("CRM", &names[1]), Some((short.clone(), version.clone())));
        assert_eq!(store.long_name(&names[0]).await.unwrap(), Some((long.clone(), version.clone())));
        for name in [&short, &long] {
            store.forget("CRM", name, &version).await.unwrap();
            store.forget("CRM", name, &version).await.unwrap();
        }
        assert!(fake.server().objects("state").is_empty());
    }

    #[tokio::test]
    async fn every_name_has_room_for_its_checksum() {
        let fake = FakeSwift::with_config("").await;
        let store = Store::new(fake.swift(), "state", &"c".repeat(256));
        let version = Version::parse(&format!("2026-11-23T00:58:55.123450 {}", "a".repeat(64))).unwrap();
        for length in 1..=1024 {
            let place = store.place(&"d".repeat(256), &"n".repeat(length), &version);
            assert!(place.len() <= name::OBJECT, "{length}");
        }
    }
}
