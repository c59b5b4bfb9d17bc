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
/// A type that takes none of these (a UUID, say) fails, and the search for faults ends there: what was found by then
/// is told.
#[derive(Clone, Copy, Default)]
pub(crate) struct Filler {
    /// How many of them stand in one another: the first variant of an enum may hold the enum itself.
    depth: u8,
}

impl Filler {
    const MAX_DEPTH: u8 = 16;

    fn inner(self) -> Result<Self, TreeError> {
        if self.depth >= Self::MAX_DEPTH {
            return Err(marked(TreeError::custom("a type that holds itself without an end")));
        }
        Ok(Self { depth: self.depth + 1 })
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

impl<'de> Deserializer<'de> for Filler {
    type Error = TreeError;

    filled! {
        deserialize_bool visit_bool false; deserialize_char visit_char ' ';
        deserialize_i8 visit_i8 0; deserialize_i16 visit_i16 0; deserialize_i32 visit_i32 0; deserialize_i64 visit_i64 0;
        deserialize_i128 visit_i128 0; deserialize_u8 visit_u8 0; deserialize_u16 visit_u16 0; deserialize_u32 visit_u32 0;
        deserialize_u64 visit_u64 0; deserialize_u128 visit_u128 0; deserialize_f32 visit_f32 0.0;
        deserialize_f64 visit_f64 0.0; deserialize_bytes visit_bytes &[]; deserialize_byte_buf visit_bytes &[];
        deserialize_seq visit_seq Repeated(0, Self::default());
        deserialize_map visit_map Fields(&[], Self::default());
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if expected::is_set_aside(&visitor) {
            return visitor.visit_borrowed_str(mended()).map_err(marked);
        }
        let wanted = wanted(&visitor);
        if wanted.contains("number") || wanted.contains("integer") {
            visitor.visit_u64(0).map_err(marked)
        } else if wanted.contains("string") {
            self.deserialize_str(visitor)
        } else {
            visitor.visit_unit().map_err(marked)
        }
    }

    /// A date, a time, an id: whichever of those takes the first text that it can.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        let said = wanted(&visitor);
        let text = if said.contains("uuid") {
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
        let first = self.0.first().ok_or_else(|| TreeError::custom("an enum without variants"))?;
        Ok((seed.deserialize(StrDeserializer::new(first))?, self.1.inner()?))
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
