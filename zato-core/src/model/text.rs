//! Values that arrive as text: parameters, forms, and JSON that a model asked to be read leniently.

use std::{borrow::Cow, str::FromStr};

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, SeqAccess, Unexpected, VariantAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};

use super::expected;

/// Reads one text, or several of one name, into whatever type is asked for.
pub(crate) struct TextValues<'a, E> {
    values: &'a [Cow<'a, str>],
    error: std::marker::PhantomData<E>,
}

impl<'a, E: Error> TextValues<'a, E> {
    pub(crate) fn new(values: &'a [Cow<'a, str>]) -> Self {
        Self { values, error: std::marker::PhantomData }
    }

    fn one(&self) -> Result<&'a str, E> {
        match self.values {
            [one] => Ok(one),
            more => Err(E::custom(format_args!("expected one value, got {}", more.len()))),
        }
    }

    fn parse<T: FromStr>(&self, expected: &str) -> Result<T, E> {
        self.one()?.trim().parse().map_err(|_| E::custom(format_args!("expected {expected}, which the text is not")))
    }
}

/// Reads one text that outlives the reading, and lends it where any value is read: see [`buffered`](super::buffered).
pub(super) struct Lent<'a, E> {
    text: &'a Cow<'a, str>,
    error: std::marker::PhantomData<E>,
}

impl<'a, E> Lent<'a, E> {
    pub(super) fn new(text: &'a Cow<'a, str>) -> Self {
        Self { text, error: std::marker::PhantomData }
    }
}

macro_rules! as_text {
    ($($method:ident($($name:ident: $ty:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $ty,)* visitor: V) -> Result<V::Value, E> {
            TextValues::new(std::slice::from_ref(self.text)).$method($($name,)* visitor)
        })*
    };
}

impl<'de, E: Error> Deserializer<'de> for Lent<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    as_text! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32()
        deserialize_f64() deserialize_str() deserialize_string() deserialize_seq() deserialize_tuple(len: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
    }

    forward_to_deserialize_any! { char bytes byte_buf unit unit_struct tuple_struct identifier ignored_any }
}

/// Reads a boolean in any of the ways that people and Zato write it.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    const TRUE: [&str; 6] = ["true", "yes", "on", "y", "t", "1"];
    const FALSE: [&str; 6] = ["false", "no", "off", "n", "f", "0"];
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    if TRUE.iter().any(&is) { Some(true) } else { FALSE.iter().any(is).then_some(false) }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $ty:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            visitor.$visit(self.parse::<$ty>(&expected::wording(stringify!($ty)))?)
        })*
    };
}

impl<'de, E: Error> Deserializer<'de> for TextValues<'_, E> {
    type Error = E;

    parsed! {
        deserialize_i8 visit_i8 i8; deserialize_i16 visit_i16 i16; deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64; deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8; deserialize_u16 visit_u16 u16; deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64; deserialize_u128 visit_u128 u128;
    }

    /// Neither `NaN` nor infinity, which Rust would read: JSON could not carry them on.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        let number = self.parse::<f64>("a number")?;
        if number.is_finite() { visitor.visit_f64(number) } else { Err(E::custom("expected a number that is finite")) }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        let number = self.parse::<f32>("a number")?;
        if number.is_finite() { visitor.visit_f32(number) } else { Err(E::custom("expected a number that is finite")) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        let parsed = parse_bool(self.one()?.trim());
        visitor.visit_bool(parsed.ok_or_else(|| E::custom("expected a boolean, which the text is not"))?)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        if expected::is_set_aside(&visitor) {
            return Err(E::custom("a text is not set aside here, but in a reading that knows later that it was one"));
        }
        match self.values {
            [one] => visitor.visit_str(one),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_str(self.one()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_str(self.one()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(Items { rest: self.values, error: self.error })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, E> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_enum(Word { text: self.one()?, error: self.error })
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, E> {
        Err(E::custom(NO_OBJECT))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, E> {
        Err(E::custom(NO_OBJECT))
    }

    forward_to_deserialize_any! { char bytes byte_buf unit unit_struct tuple_struct identifier ignored_any }
}

/// What is said where the fields of a struct are asked of a text.
const NO_OBJECT: &str = "expected an object, which no text can be: send it in the payload";

struct Items<'a, E> {
    rest: &'a [Cow<'a, str>],
    error: std::marker::PhantomData<E>,
}

impl<'de, E: Error> SeqAccess<'de> for Items<'_, E> {
    type Error = E;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, E> {
        let Some((first, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        seed.deserialize(TextValues::new(std::slice::from_ref(first))).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The name of a variant without content.
struct Word<'a, E> {
    text: &'a str,
    error: std::marker::PhantomData<E>,
}

impl<'de, E: Error> EnumAccess<'de> for Word<'_, E> {
    type Error = E;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), E> {
        let name = seed.deserialize(StrDeserializer::new(self.text))?;
        Ok((name, self))
    }
}

impl<'de, E: Error> VariantAccess<'de> for Word<'_, E> {
    type Error = E;

    fn unit_variant(self) -> Result<(), E> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, E> {
        Err(E::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, E> {
        Err(E::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, E> {
        Err(E::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(texts: &[&str]) -> Result<T, String> {
        let values: Vec<Cow<'_, str>> = texts.iter().map(|text| Cow::Borrowed(*text)).collect();
        T::deserialize(TextValues::<serde_json::Error>::new(&values)).map_err(|error| error.to_string())
    }

    #[test]
    fn text_becomes_what_is_asked_for() {
        assert_eq!(read::<u8>(&["7"]), Ok(7));
        assert_eq!(read::<Option<i64>>(&[" -7 "]), Ok(Some(-7)));
        assert_eq!(read::<String>(&["7"]), Ok("7".to_owned()));
        assert_eq!(read::<Vec<String>>(&["CRM"]), Ok(vec!["CRM".to_owned()]));
        assert_eq!(read::<Vec<u8>>(&["1", "2"]), Ok(vec![1, 2]));
        for yes in ["true", "YES", "on", "y", "T", "1"] {
            assert_eq!(read::<bool>(&[yes]), Ok(true), "{yes}");
        }
        for no in ["false", "no", "OFF", "n", "f", "0"] {
            assert_eq!(read::<bool>(&[no]), Ok(false), "{no}");
        }
    }

    #[test]
    fn what_it_is_not_is_said_without_repeating_it() {
        assert_eq!(
            read::<u8>(&["hunter2"]),
            Err("expected an integer from 0 to 255, which the text is not".to_owned())
        );
        assert_eq!(read::<bool>(&["maybe"]), Err("expected a boolean, which the text is not".to_owned()));
        assert_eq!(read::<u8>(&["1", "2"]), Err("expected one value, got 2".to_owned()));
    }
}
