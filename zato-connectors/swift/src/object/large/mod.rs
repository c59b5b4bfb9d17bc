//! Large objects: stored in segments, several at a time, which a manifest puts together (Swift's static large objects).

mod container;
mod copying;
mod cutter;
mod file;
mod guard;
mod known;
mod manifest;
mod plan;
mod remove;
mod request;
mod sending;
mod source;
mod upload;

pub(crate) use self::guard::Afterwork;
pub(crate) use self::{container::of as segments_of, copying::copy};
pub use self::{manifest::Segment, request::UploadRequest, source::Source};
pub(super) use self::{manifest::segments, remove::replacing};
