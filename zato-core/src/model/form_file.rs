use std::{borrow::Cow, fmt};

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::Base64;

/// A file in a form (`multipart/form-data`, RFC 7578), as a field of a model.
///
/// In any other format it is its bytes alone, as [`Base64`].
///
/// ```
/// use zato_core::model::FormFile;
///
/// let file: FormFile = serde_json::from_str("\"/9g=\"").unwrap();
/// assert_eq!((file.file_name, file.bytes.as_ref()), (None, [0xff, 0xd8].as_slice()));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FormFile {
    /// What the client says that the file is called. It may say anything, paths and names of files that exist included.
    pub file_name: Option<String>,
    /// What the client says that the bytes are (RFC 6838).
    pub content_type: Option<String>,
    /// What is in the file.
    pub bytes: Bytes,
}

impl FormFile {
    /// By this name a file asks for what it is, beside its bytes.
    pub(super) const NAME: &'static str = "$zato::FormFile";

    /// Makes a file without a name, such as a test may want.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { file_name: None, content_type: None, bytes: bytes.into() }
    }

    /// Gives all of it to who asked by our name.
    pub(super) fn give<'de, V: Visitor<'de>, E: de::Error>(&self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(Given { file: self, position: 0, error: std::marker::PhantomData })
    }
}

/// As its length: what is in it says nothing to a reader of a log.
impl fmt::Debug for FormFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormFile({} bytes)", self.bytes.len())
    }
}

impl Serialize for FormFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Base64(self.bytes.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FormFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(Self::NAME, File)
    }
}

impl JsonSchema for FormFile {
    fn schema_name() -> Cow<'static, str> {
        "FormFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Base64::json_schema(generator);
        schema.insert("contentMediaType".to_owned(), "application/octet-stream".into());
        schema.insert("description".to_owned(), "A file: a part of a form, or bytes as base64".into());
        schema
    }
}

struct File;

impl<'de> Visitor<'de> for File {
    type Value = FormFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<FormFile, D::Error> {
        Base64::deserialize(deserializer).map(|Base64(bytes)| FormFile::new(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FormFile, A::Error> {
        let file_name = seq.next_element()?.flatten();
        let content_type = seq.next_element()?.flatten();
        let bytes = seq.next_element_seed(Content)?.unwrap_or_default();
        Ok(FormFile { file_name, content_type, bytes })
    }
}

struct Content;

impl<'de> DeserializeSeed<'de> for Content {
    type Value = Bytes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Content {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}

/// Name, type and bytes of a file, in this order.
struct Given<'f, E> {
    file: &'f FormFile,
    position: u8,
    error: std::marker::PhantomData<E>,
}

enum Item<'f, E> {
    Text(Option<&'f str>, std::marker::PhantomData<E>),
    Bytes(&'f [u8]),
}

impl<'de, E: de::Error> SeqAccess<'de> for Given<'_, E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        let item = match self.position {
            0 => Item::Text(self.file.file_name.as_deref(), self.error),
            1 => Item::Text(self.file.content_type.as_deref(), self.error),
            2 => Item::Bytes(&self.file.bytes),
            _ => return Ok(None),
        };
        self.position += 1;
        seed.deserialize(item).map(Some)
    }
}

impl<'de, E: de::Error> Deserializer<'de> for Item<'_, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self {
            Self::Text(Some(text), _) => visitor.visit_some(StrDeserializer::new(text)),
            Self::Text(None, _) => visitor.visit_none(),
            Self::Bytes(bytes) => visitor.visit_bytes(bytes),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
