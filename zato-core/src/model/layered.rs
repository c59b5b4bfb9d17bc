//! The one-pass decoder: parameters chained in front of, or behind, the payload's own keys.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};

use super::{text::TextValues, tree::Overlay};
use crate::message::ParamsPriority;

/// A payload's deserializer with parameters laid over the object that it reads at the top level.
///
/// Below the top level the payload's own deserializer works alone, so nested data costs what it costs without us.
pub(crate) struct Layered<'p, D> {
    payload: D,
    overlay: Overlay<'p>,
}

impl<'p, D> Layered<'p, D> {
    pub(crate) fn new(payload: D, overlay: Overlay<'p>) -> Self {
        Self { payload, overlay }
    }
}

/// Reads a model from parameters alone, where there is no payload.
#[cfg(feature = "json")]
pub(crate) fn from_params<'de, T: Deserialize<'de>, E: Error>(overlay: Overlay<'_>) -> Result<T, E> {
    let empty = de::value::MapDeserializer::new(std::iter::empty::<(&str, &str)>());
    T::deserialize(Layered::new(empty, overlay))
}

macro_rules! to_payload {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.payload.$method(visitor)
        })*
    };
}

macro_rules! chained {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            // Whatever is there: `null` stands for nothing, and `deserialize_map` would not let it through.
            self.payload.deserialize_any(Chained { visitor, overlay: self.overlay })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Layered<'_, D> {
    type Error = D::Error;

    chained! { deserialize_any deserialize_map deserialize_ignored_any }

    /// The name goes along, since it may tell the payload's own deserializer more. A payload that is no struct to that one
    /// but `null` is left to the second reading.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.payload.deserialize_struct(name, fields, Chained { visitor, overlay: self.overlay })
    }

    to_payload! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_seq deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.payload.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.payload.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.payload.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.payload.deserialize_enum(name, variants, visitor)
    }
}

struct Chained<'p, V> {
    visitor: V,
    overlay: Overlay<'p>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Chained<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, payload: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(ChainedMap {
            payload,
            overlay: self.overlay,
            payload_is_done: false,
            position: 0,
            overruled: vec![false; self.overlay.params.len()],
            value: None,
        })
    }

    /// A `null` payload, as some clients send for "nothing".
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        let empty = de::value::MapDeserializer::new(std::iter::empty::<(&str, &str)>());
        self.visit_map(empty)
    }
}

struct ChainedMap<'p, A> {
    payload: A,
    overlay: Overlay<'p>,
    payload_is_done: bool,
    /// The parameter to give next.
    position: usize,
    /// Which parameters the payload has given a value for already.
    overruled: Vec<bool>,
    /// The parameter whose key was given and whose value is asked for next.
    value: Option<usize>,
}

impl<'de, A: MapAccess<'de>> ChainedMap<'_, A> {
    fn next_param<K: DeserializeSeed<'de>>(&mut self, seed: &mut Option<K>) -> Result<Option<K::Value>, A::Error> {
        while let Some(param) = self.overlay.params.get(self.position) {
            let position = self.position;
            self.position += 1;
            if self.overruled.get(position).is_some_and(|overruled| *overruled) {
                continue;
            }
            let Some(seed) = seed.take() else { break };
            self.value = Some(position);
            return seed.deserialize(de::value::StrDeserializer::new(&param.name)).map(Some);
        }
        Ok(None)
    }

    fn next_of_payload<K: DeserializeSeed<'de>>(&mut self, seed: &mut Option<K>) -> Result<Option<K::Value>, A::Error> {
        while !self.payload_is_done {
            let Some(key) = self.payload.next_key::<Key<'de>>()? else {
                self.payload_is_done = true;
                break;
            };
            let given = self.overlay.params.iter().position(|param| param.name == key.0);
            if let Some(position) = given {
                if self.overlay.priority == ParamsPriority::ChannelParamsOverMsg {
                    self.payload.next_value::<IgnoredAny>()?;
                    continue;
                }
                if let Some(overruled) = self.overruled.get_mut(position) {
                    *overruled = true;
                }
            }
            let Some(seed) = seed.take() else { break };
            return match key.0 {
                Cow::Borrowed(text) => seed.deserialize(de::value::BorrowedStrDeserializer::new(text)).map(Some),
                Cow::Owned(text) => seed.deserialize(de::value::StringDeserializer::new(text)).map(Some),
            };
        }
        Ok(None)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for ChainedMap<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        self.value = None;
        if self.overlay.priority == ParamsPriority::ChannelParamsOverMsg {
            if let Some(key) = self.next_param(&mut seed)? {
                return Ok(Some(key));
            }
            return self.next_of_payload(&mut seed);
        }
        if let Some(key) = self.next_of_payload(&mut seed)? {
            return Ok(Some(key));
        }
        self.next_param(&mut seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        match self.value.take().and_then(|position| self.overlay.params.get(position)) {
            Some(param) => seed.deserialize(TextValues::new(&param.values)),
            None => self.payload.next_value_seed(seed),
        }
    }
}

/// A key of the payload, borrowed from it where it stands there as it is.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
