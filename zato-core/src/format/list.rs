use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

#[cfg(feature = "soap")]
use super::soap::{self, Envelope};
use crate::{
    error::Result,
    message::{ChannelInfo, Format, Head},
    model::Model,
};

/// Writes a list of models, one after the other as they are made, where the format allows that.
pub(crate) enum ListWriter<T> {
    #[cfg(feature = "csv")]
    Csv(Box<super::csv::RowWriter>),
    #[cfg(feature = "json")]
    Json { is_begun: bool },
    /// An envelope, which answers another one.
    #[cfg(feature = "soap")]
    Soap { rows: Vec<T>, asked: Option<Arc<Envelope>>, channel: Arc<ChannelInfo> },
    /// A format that is written once all are there.
    Whole { rows: Vec<T>, format: Format, channel: Arc<ChannelInfo> },
}

impl<T: Model> ListWriter<T> {
    /// Makes a writer in the format that the head of the request asks for, and says what that is called.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if the format was left out of the program.
    pub(crate) fn new(head: &Head) -> Result<(Self, HeaderValue)> {
        #[cfg(feature = "soap")]
        if head.output == Format::Soap {
            let asked = head.extensions.get::<Arc<Envelope>>().cloned();
            let content_type = soap::content_type(asked.as_deref());
            return Ok((Self::Soap { rows: Vec::new(), asked, channel: Arc::clone(&head.channel) }, content_type));
        }
        let content_type = super::content_type(head.output, &head.channel.options)?;
        let writer = match head.output {
            #[cfg(feature = "csv")]
            Format::Csv => Self::Csv(Box::new(super::csv::RowWriter::new(&head.channel.options.csv))),
            #[cfg(feature = "json")]
            Format::Json | Format::Form | Format::Raw | Format::Negotiate => Self::Json { is_begun: false },
            format => Self::Whole { rows: Vec::new(), format, channel: Arc::clone(&head.channel) },
        };
        Ok((writer, content_type))
    }

    /// Writes one model, or keeps it.
    ///
    /// # Errors
    ///
    /// As [`write`](super::write()).
    #[cfg_attr(
        not(any(feature = "csv", feature = "json")),
        expect(unused_variables, clippy::ptr_arg, reason = "only those formats write a model at once")
    )]
    pub(crate) fn push(&mut self, row: T, output: &mut Vec<u8>) -> Result<()> {
        match self {
            #[cfg(feature = "csv")]
            Self::Csv(writer) => writer.row(&row, output),
            #[cfg(feature = "json")]
            Self::Json { is_begun } => {
                output.push(if std::mem::replace(is_begun, true) { b',' } else { b'[' });
                super::json::write(&row, output)
            }
            #[cfg(feature = "soap")]
            Self::Soap { rows, .. } => {
                rows.push(row);
                Ok(())
            }
            Self::Whole { rows, .. } => {
                rows.push(row);
                Ok(())
            }
        }
    }

    /// Writes what ends the list.
    ///
    /// # Errors
    ///
    /// As [`write`](super::write()).
    pub(crate) fn finish(self, output: &mut Vec<u8>) -> Result<()> {
        match self {
            #[cfg(feature = "csv")]
            Self::Csv(mut writer) => writer.finish::<T>(output),
            #[cfg(feature = "json")]
            Self::Json { is_begun } => {
                output.extend_from_slice(if is_begun { b"]" } else { b"[]" });
                Ok(())
            }
            #[cfg(feature = "soap")]
            Self::Soap { rows, asked, channel } => {
                output.extend_from_slice(&soap::answer(&rows, asked.as_deref(), &channel.options.xml)?);
                Ok(())
            }
            Self::Whole { rows, format, channel } => {
                let (bytes, _): (Bytes, _) = super::write(format, &channel.options, &rows)?;
                output.extend_from_slice(&bytes);
                Ok(())
            }
        }
    }
}
