//! What is stored: accounts, their containers, and the objects in those.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{
    answer::{Outcome, Refusal, length},
    clock::Stamp,
    manifest::Manifest,
    request::Place,
};

/// The accounts by their names, such as `AUTH_test`.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub(super) accounts: BTreeMap<String, Account>,
}

/// An account. It is there as soon as somebody with rights asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) metadata: HeaderMap,
    pub(super) stamp: Stamp,
    pub(super) containers: BTreeMap<String, Container>,
}

/// A container.
#[derive(Clone, Debug, Default)]
pub(super) struct Container {
    pub(super) metadata: HeaderMap,
    pub(super) stamp: Stamp,
    /// In the order of their names' bytes, which is that of listings.
    pub(super) objects: BTreeMap<String, Object>,
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) content_type: HeaderValue,
    /// `X-Object-Meta-*`, and the headers that are kept with an object.
    pub(super) metadata: HeaderMap,
    /// Without quotes. That of a large object is made of its segments' own.
    pub(super) etag: String,
    /// The entity tag of the large object that a plain one was copied from, which Swift keeps with it.
    pub(super) copied: Option<String>,
    pub(super) stamp: Stamp,
    /// When it ends, in seconds since 1970.
    pub(super) delete_at: Option<u64>,
}

/// What an object holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Plain(Bytes),
    Manifest(Manifest),
}

impl Store {
    pub(super) fn account(&self, account: &str) -> Outcome<&Account> {
        self.accounts.get(account).ok_or_else(not_found)
    }

    pub(super) fn account_mut(&mut self, account: &str) -> Outcome<&mut Account> {
        self.accounts.get_mut(account).ok_or_else(not_found)
    }

    pub(super) fn container(&self, account: &str, container: &str) -> Outcome<&Container> {
        self.account(account)?.containers.get(container).ok_or_else(not_found)
    }

    pub(super) fn container_mut(&mut self, account: &str, container: &str) -> Outcome<&mut Container> {
        self.account_mut(account)?.containers.get_mut(container).ok_or_else(not_found)
    }

    /// Returns an object that has not come to its end.
    pub(super) fn object(&self, place: &Place, now: Duration) -> Outcome<&Object> {
        let object = self.container(&place.account, &place.container)?.objects.get(&place.name);
        object.filter(|object| !object.is_over(now)).ok_or_else(not_found)
    }

    pub(super) fn object_mut(&mut self, place: &Place, now: Duration) -> Outcome<&mut Object> {
        let object = self.container_mut(&place.account, &place.container)?.objects.get_mut(&place.name);
        object.filter(|object| !object.is_over(now)).ok_or_else(not_found)
    }

    /// Removes an object. One that has come to its end is removed, too, and was not there.
    pub(super) fn remove(&mut self, place: &Place, now: Duration) -> Outcome<Object> {
        let object = self.container_mut(&place.account, &place.container)?.objects.remove(&place.name);
        object.filter(|object| !object.is_over(now)).ok_or_else(not_found)
    }
}

impl Account {
    pub(super) fn object_count(&self) -> usize {
        self.containers.values().map(|container| container.objects.len()).sum()
    }

    pub(super) fn bytes_used(&self) -> u64 {
        self.containers.values().map(Container::bytes_used).sum()
    }
}

impl Container {
    /// Returns what is stored in it. A large object counts for what its manifest takes, as in Swift.
    pub(super) fn bytes_used(&self) -> u64 {
        self.objects.values().map(Object::stored_length).sum()
    }
}

impl Object {
    /// Returns how many bytes whoever reads it gets.
    pub(super) fn length(&self) -> u64 {
        match &self.content {
            Content::Plain(bytes) => length(bytes),
            Content::Manifest(manifest) => manifest.length(),
        }
    }

    fn stored_length(&self) -> u64 {
        match &self.content {
            Content::Plain(bytes) => length(bytes),
            Content::Manifest(manifest) => length(manifest.json().to_string().as_bytes()),
        }
    }

    /// Returns the `ETag` as a header has it: that of a large object is quoted, as it is no checksum of the content.
    pub(super) fn etag_header(&self) -> String {
        match &self.content {
            Content::Plain(_) => self.etag.clone(),
            Content::Manifest(_) => format!("\"{}\"", self.etag),
        }
    }

    /// Returns the entity tag that conditions are compared with: of a copy of a large object that of the original, though the copy
    /// be a plain object (`X-Object-Sysmeta-Slo-Etag` in copy.py, `X-Backend-Etag-Is-At` in slo.py).
    pub(super) fn compared_etag(&self) -> &str {
        self.copied.as_deref().unwrap_or(&self.etag)
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.delete_at.is_some_and(|at| at <= now.as_secs())
    }

    pub(super) fn manifest(&self) -> Option<&Manifest> {
        match &self.content {
            Content::Plain(_) => None,
            Content::Manifest(manifest) => Some(manifest),
        }
    }
}

pub(super) fn not_found() -> Refusal {
    Refusal::from(StatusCode::NOT_FOUND)
}
