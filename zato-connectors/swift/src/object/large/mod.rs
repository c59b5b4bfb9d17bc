//! Large objects: stored in segments, several at a time, which a manifest puts together (Swift's static large objects).

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
pub(super) use self::manifest::segments;
pub use self::{manifest::Segment, request::UploadRequest, source::Source};
