//! Takes the place of `codec.rs` in a program that is built without the feature `compression`: nobody gets as far as to
//! make one of these.

use std::io;

use bytes::Bytes;
use zato_core::config::{CompressionLevel, ContentCoding};

use super::decode::Pieces;

pub(super) enum Encoder {}

impl Encoder {
    pub(super) fn new(_: ContentCoding, _: CompressionLevel, _: Option<u64>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn write(&mut self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn take(&mut self) -> Bytes {
        match *self {}
    }
}

pub(super) enum Decoder {}

impl Decoder {
    pub(super) fn new(_: ContentCoding) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn pieces(&mut self) -> &mut Pieces {
        match *self {}
    }

    pub(super) fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use zato_core::app::App;

    use crate::RestChannels;

    #[tokio::test]
    async fn what_needs_the_feature_is_refused_with_its_name() {
        let yaml = "server:\n  compression: {is_active: true}\n";
        let started = App::new("absent").channel(RestChannels::nested()).config_yaml(yaml).start().await;
        let expected = "the configuration can't be used:\n  configuration:2:16: \"compression\" needs the feature \
                        \"compression\" of zato: add it in Cargo.toml";
        assert_eq!(started.unwrap_err().to_string(), expected);
    }
}
