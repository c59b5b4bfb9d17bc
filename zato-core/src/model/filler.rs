//! Something plausible of any type, read in place of what is at fault, so that a reading can go on to the next fault.

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor, value::StrDeserializer,
    },
};

use super::{
    buffered::mended,
    expected,
    tree_error::{Mend, TreeError},
};

/// Gives zero, false, empty, nothing, the first variant, or a struct of such.
///
/// For a type that takes none of these it is asked again, and gives the next thing that types are read from: another
/// text, another number, another variant. A type that takes nothing of all that fails, and the search for faults goes on
/// without what is around it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Filler {
    /// How many of them stand in one another: the first variant of an enum may hold the enum itself.
    depth: u8,
    /// How often something else was tried here.
    tried: usize,
}

/// What types are read from that say nothing of themselves by which they could be known.
const TEXTS: [&str; 16] = [
    "",
    "0",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01",
    "00:00:00",
    "00000000-0000-0000-0000-000000000000",
    "PT0S",
    "0s",
    "AAAA",
    "a",
    "a@example.com",
    "https://example.com/",
    "127.0.0.1",
    "UTC",
    "true",
];

impl Filler {
    const MAX_DEPTH: u8 = 16;

    /// How often something else can be tried.
    pub(super) const TRIES: usize = TEXTS.len() + Self::OTHERS;

    /// How many things are tried that are no texts, of a type that takes one of several.
    const OTHERS: usize = 5;

    /// Gives something other than what was tried so many times before.
    pub(super) fn new(tried: usize) -> Self {
        Self { depth: 0, tried }
    }

    fn inner(self) -> Result<Self, TreeError> {
        if self.depth >= Self::MAX_DEPTH {
            return Err(marked(TreeError::custom("a type that holds itself without an end")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// A number is zero first, and then one, for a type that is never zero.
    fn is_one(self) -> bool {
        self.tried % 2 == 1
    }
}

/// Returns what a visitor says that it expects.
fn wanted<'de, V: Visitor<'de>>(visitor: &V) -> String {
    let expected: &dyn de::Expected = visitor;
    expected.to_string().to_ascii_lowercase()
}

fn marked(mut error: TreeError) -> TreeError {
    error.mend = Mend::Impossible;
    error
}

macro_rules! filled {
    ($($method:ident $visit:ident $value:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            visitor.$visit($value).map_err(marked)
        })*
    };
}

macro_rules! numbers {
    ($($method:ident $visit:ident $ty:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            visitor.$visit(<$ty>::from(self.is_one())).map_err(marked)
        })*
    };
}

impl Filler {
    /// What a type takes that takes anything, or one of several: nothing, a text, a number, a boolean, a list, an object.
    fn anything<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let filled = match self.tried {
            0 => visitor.visit_unit(),
            1 => visitor.visit_u64(0),
            2 => visitor.visit_bool(false),
            3 => visitor.visit_seq(Repeated(0, self)),
            4 => visitor.visit_map(Fields(&[], self)),
            more => visitor.visit_borrowed_str(TEXTS.get(more - Self::OTHERS).copied().unwrap_or_default()),
        };
        filled.map_err(marked)
    }
}

impl<'de> Deserializer<'de> for Filler {
    type Error = TreeError;

    filled! {
        deserialize_bool visit_bool false; deserialize_char visit_char ' ';
        deserialize_bytes visit_bytes &[]; deserialize_byte_buf visit_bytes &[];
        deserialize_seq visit_seq Repeated(0, Self::default());
        deserialize_map visit_map Fields(&[], Self::default());
    }

    numbers! {
        deserialize_i8 visit_i8 i8; deserialize_i16 visit_i16 i16; deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64; deserialize_i128 visit_i128 i128; deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16; deserialize_u32 visit_u32 u32; deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128; deserialize_f32 visit_f32 f32; deserialize_f64 visit_f64 f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if expected::is_set_aside(&visitor) {
            return visitor.visit_borrowed_str(mended()).map_err(marked);
        }
        let wanted = wanted(&visitor);
        let is = |words: &[&str]| self.tried == 0 && words.iter().any(|word| wanted.contains(word));
        if is(&["number", "integer", "float"]) {
            visitor.visit_u64(0).map_err(marked)
        } else if is(&["string", "text", "character"]) {
            self.deserialize_str(visitor)
        } else if is(&["map", "object"]) {
            self.deserialize_map(visitor)
        } else if is(&["sequence", "list", "array"]) {
            self.deserialize_seq(visitor)
        } else {
            self.anything(visitor)
        }
    }

    /// A date, a time, an id: whichever of those takes the first text that it can.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let said = wanted(&visitor);
        let text = if self.tried > 0 {
            TEXTS.get(self.tried).copied().unwrap_or_default()
        } else if said.contains("uuid") {
            "00000000-0000-0000-0000-000000000000"
        } else if said.contains("duration") {
            "PT0S"
        } else if said.contains("date and time") || said.contains("datetime") {
            "1970-01-01T00:00:00Z"
        } else if said.contains("date") {
            "1970-01-01"
        } else if said.contains("time") {
            "00:00:00"
        } else if said.contains("ipv6") {
            "::"
        } else if said.contains("ip") && said.contains("address") {
            "0.0.0.0"
        } else {
            ""
        };
        visitor.visit_borrowed_str(text).map_err(marked)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_none().map_err(marked)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit().map_err(marked)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit().map_err(marked)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        // A decimal asks for the text behind a newtype; zero is one.
        if name.contains("RawValue") {
            return visitor.visit_u64(0).map_err(marked);
        }
        visitor.visit_newtype_struct(self).map_err(marked)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_seq(Repeated(len, self)).map_err(marked)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_seq(Repeated(len, self)).map_err(marked)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_map(Fields(fields, self)).map_err(marked)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_enum(First(variants, self)).map_err(marked)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit().map_err(marked)
    }
}

struct Repeated(usize, Filler);

impl<'de> SeqAccess<'de> for Repeated {
    type Error = TreeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TreeError> {
        let Some(left) = self.0.checked_sub(1) else { return Ok(None) };
        self.0 = left;
        seed.deserialize(self.1.inner()?).map(Some)
    }
}

struct Fields(&'static [&'static str], Filler);

impl<'de> MapAccess<'de> for Fields {
    type Error = TreeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TreeError> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(None) };
        self.0 = rest;
        seed.deserialize(StrDeserializer::new(first)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, TreeError> {
        seed.deserialize(self.1.inner()?)
    }
}

struct First(&'static [&'static str], Filler);

impl<'de> EnumAccess<'de> for First {
    type Error = TreeError;
    type Variant = Filler;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Filler), TreeError> {
        let unusable = || marked(TreeError::custom("an enum without variants"));
        let variant = self.0.get(self.1.tried).or(self.0.first()).ok_or_else(unusable)?;
        Ok((seed.deserialize(StrDeserializer::new(variant))?, self.1.inner()?))
    }
}

impl<'de> VariantAccess<'de> for Filler {
    type Error = TreeError;

    fn unit_variant(self) -> Result<(), TreeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, TreeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.deserialize_struct("", fields, visitor)
    }
}
