//! Formats: bytes to models and back, one file each.
//!
//! All of them read through the same decoder, so that parameters, defaults and faults work alike in each. A new format
//! is a new file with a `Codec`, a name in [`Format`], and an arm in `with_codec!`.

#[cfg(feature = "csv")]
pub(crate) mod csv;
#[cfg(feature = "json")]
mod finite;
pub(crate) mod form;
#[cfg(feature = "json")]
mod json;
mod list;
#[cfg(feature = "soap")]
pub mod soap;
#[cfg(feature = "xml")]
pub mod xml;

use bytes::Bytes;
use http::HeaderValue;

pub(crate) use self::list::ListWriter;
use crate::{
    error::{Error, Fault, Result},
    message::{Format, FormatOptions, Head},
    model::{Model, Overlay, Tree, decode_tree, is_valid},
};

/// Reads and writes one format.
trait Codec {
    /// What a written payload is called.
    fn content_type(&self) -> HeaderValue;

    /// Reads a model in one pass; an input that fails, or that there is no such pass for, is read as a tree after that.
    fn decode<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Option<T>;

    /// Reads anything, and looks at it while it lasts.
    ///
    /// # Errors
    ///
    /// Where the payload is malformed.
    fn with_tree<R>(&self, payload: &[u8], look: impl FnOnce(Tree<'_>) -> R) -> Result<R, Fault>;

    /// Reads a model that could not be read in one pass, or finds out why.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::Kind::InvalidInput) with every fault of the input, or what a format has beside those.
    fn read_again<T: Model>(&self, payload: &[u8], overlay: Overlay<'_>) -> Result<T> {
        let read = |tree: Tree<'_>| decode_tree(&overlay.laid_over(tree), T::COERCE);
        let read = if payload.is_empty() { Ok(read(Tree::Map(Vec::new()))) } else { self.with_tree(payload, read) };
        let faults = match read {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(faults)) => faults,
            Err(malformed) => vec![malformed],
        };
        Err(Error::faults(faults.into_iter().map(|fault| self.placed(fault)).collect()))
    }

    /// Writes a model.
    ///
    /// # Errors
    ///
    /// [`Internal`](crate::Kind::Internal) if it can't be written, such as a map whose keys are no text.
    fn encode<T: Model>(&self, value: &T) -> Result<Bytes>;

    /// Says where a fault is in the words of the format; its place is a JSON Pointer (RFC 6901) until then.
    fn placed(&self, fault: Fault) -> Fault {
        fault
    }
}

/// Does something with the codec of a format.
macro_rules! with_codec {
    ($format:expr, $options:expr, $content_type:expr, |$codec:ident| $with:expr) => {{
        let (options, content_type): (&FormatOptions, Option<&HeaderValue>) = ($options, $content_type);
        // Only some formats have a use for it.
        let _ = content_type;
        match $format {
            #[cfg(feature = "json")]
            Format::Json | Format::Raw | Format::Negotiate => {
                let $codec = json::Json;
                $with
            }
            #[cfg(feature = "csv")]
            Format::Csv => {
                let $codec = csv::Csv::new(&options.csv);
                $with
            }
            Format::Form => {
                let $codec = form::Form { content_type, options: &options.form };
                $with
            }
            #[cfg(feature = "xml")]
            Format::Xml => {
                let $codec = xml::Xml { options: &options.xml, charset: charset(content_type) };
                $with
            }
            other => Err(left_out(other)),
        }
    }};
}

/// Reads a model from bytes.
///
/// ```
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct User { name: String }
/// # impl zato_core::model::Model for User { const NAME: &'static str = "User"; fn __made_by_the_macro() {} }
/// use zato_core::{format, message::Format};
///
/// let user: User = format::read(Format::Json, br#"{"name": "my.user"}"#).unwrap();
/// assert_eq!(user.name, "my.user");
/// assert!(format::read::<User>(Format::Json, b"{}").is_err());
/// ```
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with everything that does not fit; [`Internal`](crate::Kind::Internal) if
/// the format was left out of the program.
pub fn read<T: Model>(format: Format, payload: &[u8]) -> Result<T> {
    read_with(format, &FormatOptions::default(), payload)
}

/// Reads a model from bytes, as [`read`] does, with what a channel says of its formats.
///
/// # Errors
///
/// As [`read`].
pub fn read_with<T: Model>(format: Format, options: &FormatOptions, payload: &[u8]) -> Result<T> {
    #[cfg(feature = "soap")]
    if format == Format::Soap {
        return soap::read(payload, &options.xml);
    }
    with_codec!(format, options, None, |codec| decode_with(&codec, payload, Overlay::default()))
}

/// Writes a model, and says what the bytes are called.
///
/// ```
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct User { name: String }
/// # impl zato_core::model::Model for User { const NAME: &'static str = "User"; fn __made_by_the_macro() {} }
/// use zato_core::{format, message::{Format, FormatOptions}};
///
/// let (bytes, content_type) =
///     format::write(Format::Json, &FormatOptions::default(), &User { name: "my.user".to_owned() }).unwrap();
/// assert_eq!((bytes.as_ref(), content_type.as_bytes()), (br#"{"name":"my.user"}"#.as_slice(), b"application/json".as_slice()));
/// ```
///
/// # Errors
///
/// [`Internal`](crate::Kind::Internal) if the model can't be written in the format, such as a map whose keys are no
/// text, or if the format was left out of the program.
pub fn write<T: Model>(format: Format, options: &FormatOptions, value: &T) -> Result<(Bytes, HeaderValue)> {
    #[cfg(feature = "soap")]
    if format == Format::Soap {
        return soap::write(value, &options.xml);
    }
    with_codec!(format, options, None, |codec| Ok((codec.encode(value)?, codec.content_type())))
}

/// Returns what is written in a format is called.
///
/// # Errors
///
/// [`Internal`](crate::Kind::Internal) if the format was left out of the program.
fn content_type(format: Format, options: &FormatOptions) -> Result<HeaderValue> {
    with_codec!(format, options, None, |codec| Ok(codec.content_type()))
}

/// Reads a model from a payload and the parameters of its message.
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with every fault of the input.
pub(crate) fn decode<T: Model>(payload: &[u8], head: &Head) -> Result<T> {
    let params = match head.channel.params {
        Some(_) if !head.params.is_empty() => head.params.grouped(head.channel.url_params)?,
        _ => Vec::new(),
    };
    let overlay = Overlay { params: &params, priority: head.channel.params.unwrap_or_default() };
    #[cfg(feature = "soap")]
    if head.input == Format::Soap {
        return soap::decode(payload, head, overlay);
    }
    let payload = if head.input == Format::Raw { &[] } else { payload };
    with_codec!(head.input, &head.channel.options, content_type_of(head), |codec| decode_with(&codec, payload, overlay))
}

/// Writes the model that a service gave.
///
/// # Errors
///
/// As [`write`].
pub(crate) fn encode<T: Model>(value: &T, head: &Head) -> Result<(Bytes, HeaderValue)> {
    #[cfg(feature = "soap")]
    if head.output == Format::Soap {
        return soap::encode(value, head);
    }
    write(head.output, &head.channel.options, value)
}

fn left_out(format: Format) -> Error {
    Error::internal(format!("the format \"{format}\" was left out of this program; enable the feature of that name"))
}

fn decode_with<T: Model, C: Codec>(codec: &C, payload: &[u8], overlay: Overlay<'_>) -> Result<T> {
    // What a lenient reading would take otherwise is none of what a strict one takes.
    if let Some(value) = codec.decode(payload, overlay)
        && is_valid(&value)
    {
        return Ok(value);
    }
    codec.read_again(payload, overlay)
}

/// Returns what a payload says that it is, where its format has a use for it.
fn content_type_of(head: &Head) -> Option<&HeaderValue> {
    let is_used = matches!(head.input, Format::Form | Format::Xml);
    if is_used { head.headers.get(http::header::CONTENT_TYPE) } else { None }
}

/// Returns the `charset` that a payload says.
#[cfg(feature = "xml")]
fn charset(content_type: Option<&HeaderValue>) -> Option<&str> {
    let mut parameters =
        content_type?.to_str().ok()?.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, charset) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(charset.trim().trim_matches('"'))
}
