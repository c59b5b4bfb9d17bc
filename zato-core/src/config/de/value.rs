//! [`Node`] as serde's deserializer.

use std::slice;

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Visitor};

use super::DeError;
use super::access::{Entries, Items, Variant};
use super::error::{concealed, integer_words};
use super::key::Name;
use super::several::SEVERAL;
use crate::config::files::WITH_PLACE;
use crate::config::scalar::{self, Meaning};
use crate::config::suggest::{alternatives, quoted};
use crate::config::{Node, NodeKind, Origin, Style};

impl Node {
    pub(super) fn is_map(&self) -> bool {
        matches!(self.kind, NodeKind::Map(_))
    }

    fn located<T>(&self, result: Result<T, DeError>) -> Result<T, DeError> {
        result.map_err(|error| error.within(self))
    }

    /// Says what this is, for an error.
    fn found(&self) -> String {
        match &self.kind {
            NodeKind::Scalar { .. } if self.hidden => concealed(),
            NodeKind::Scalar { text, .. } if self.is_null() && text.is_empty() => "nothing".to_owned(),
            NodeKind::Scalar { text, .. } => quoted(text),
            NodeKind::Null => "nothing".to_owned(),
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a map".to_owned(),
        }
    }

    /// Reads a scalar that must not be quoted.
    fn plain<T>(&self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, DeError> {
        let mut found = self.found();
        if let NodeKind::Scalar { text, style } = &self.kind
            && let Some(value) = read(text)
        {
            if *style != Style::Quoted {
                return Ok(value);
            }
            found.push_str(" in quotes; remove them");
        }
        Err(DeError::mismatch(self, expected, found))
    }

    fn text(&self) -> Result<&str, DeError> {
        self.as_str().ok_or_else(|| DeError::mismatch(self, "a string", self.found()))
    }

    fn list(&self, expected: &str) -> Result<&[Self], DeError> {
        match &self.kind {
            NodeKind::List(items) => Ok(items),
            NodeKind::Scalar { style: Style::Untyped, .. } if !self.hidden => {
                let found = self.found();
                Err(DeError::mismatch(self, expected, format!("the single value {found}; put a comma after it")))
            }
            NodeKind::Scalar { .. } if !self.hidden && !self.is_null() => {
                let found = self.found();
                Err(DeError::mismatch(self, expected, format!("the single value {found}; write [{found}]")))
            }
            _ => Err(DeError::mismatch(self, expected, self.found())),
        }
    }

    fn visit_entries<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, DeError> {
        if self.is_map() {
            self.located(visitor.visit_map(Entries::of(self)))
        } else {
            Err(DeError::mismatch(self, "a map", self.found()))
        }
    }

    fn visit_items<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, DeError> {
        let items = self.list("a list")?;
        let mut access = Items(items.iter());
        let value = self.located(visitor.visit_seq(&mut access))?;
        let left = access.0.len();
        if left > 0 {
            let expected = format!("a list of {}", items.len() - left);
            return Err(DeError::mismatch(self, expected, format!("a list of {}", items.len())));
        }
        Ok(value)
    }

    fn visit_meaning<'de, V: Visitor<'de>>(
        &'de self,
        text: &'de str,
        style: Style,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match scalar::meaning_of(text, style) {
            Meaning::Null => visitor.visit_unit(),
            Meaning::Bool(value) => visitor.visit_bool(value),
            Meaning::Float(value) => visitor.visit_f64(value),
            Meaning::Text => visitor.visit_borrowed_str(text),
            // Wider integers are text: serde can buffer no others.
            Meaning::Integer(value) => match (u64::try_from(value), i64::try_from(value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_borrowed_str(text),
            },
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            let expected = integer_words($type::MIN, $type::MAX);
            let value = self.plain(&expected, |text| $type::try_from(scalar::integer(text)?).ok())?;
            self.located(visitor.$visit(value))
        })*
    };
}

macro_rules! same_as {
    ($($method:ident($($argument:ident: $type:ty),*) is $other:ident),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, DeError> {
            self.$other(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DeError;

    integers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128, deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128
    );

    same_as!(
        deserialize_f32() is deserialize_f64,
        deserialize_string() is deserialize_str,
        deserialize_identifier() is deserialize_str,
        deserialize_byte_buf() is deserialize_bytes,
        deserialize_unit_struct(_name: &'static str) is deserialize_unit,
        deserialize_seq() is visit_items,
        deserialize_map() is visit_entries,
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]) is visit_entries,
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match &self.kind {
            NodeKind::Null => self.located(visitor.visit_unit()),
            NodeKind::Scalar { text, style } => self.located(self.visit_meaning(text, *style, visitor)),
            NodeKind::List(_) => self.visit_items(visitor),
            NodeKind::Map(_) => self.visit_entries(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let value = self.plain("a boolean", scalar::boolean)?;
        self.located(visitor.visit_bool(value))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let value = self.plain("a number", scalar::float)?;
        self.located(visitor.visit_f64(value))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let mut chars = self.text()?.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => self.located(visitor.visit_char(only)),
            _ => Err(DeError::mismatch(self, "a single character", self.found())),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let text = self.text()?;
        self.located(visitor.visit_borrowed_str(text))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match &self.kind {
            NodeKind::List(_) => self.visit_items(visitor),
            _ => self.located(visitor.visit_borrowed_bytes(self.text()?.as_bytes())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.located(if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.is_null() {
            self.located(visitor.visit_unit())
        } else {
            Err(DeError::mismatch(self, "nothing", self.found()))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, DeError> {
        if name == SEVERAL {
            let items = match &self.kind {
                NodeKind::List(items) => items.as_slice(),
                _ if self.is_null() => &[],
                _ => slice::from_ref(self),
            };
            return self.located(visitor.visit_seq(Items(items.iter())));
        }
        if name != WITH_PLACE {
            return self.located(visitor.visit_newtype_struct(self));
        }
        let (text, Origin { file, line, column }) = (self.text()?, &self.origin);
        let parts = [text, &self.hidden.to_string(), file, &line.to_string(), &column.to_string()].map(str::to_owned);
        self.located(visitor.visit_seq(SeqDeserializer::new(parts.into_iter())))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DeError> {
        let expected = format!("a list of {length}");
        let items = self.list(&expected)?;
        if items.len() != length {
            return Err(DeError::mismatch(self, expected, format!("a list of {}", items.len())));
        }
        self.visit_items(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => {
                let name = Name { text, origin: &self.origin, hidden: self.hidden };
                self.located(visitor.visit_enum(name))
            }
            NodeKind::Map(entries) if let [(key, value)] = entries.as_slice() => {
                self.located(visitor.visit_enum(Variant { key, value }))
            }
            _ => {
                let found = format!("{}{}", self.found(), alternatives("", variants.iter().copied()));
                Err(DeError::mismatch(self, "a name, or a map with one as its only key", found))
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_unit()
    }
}
