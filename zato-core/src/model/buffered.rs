//! What serde sets aside before it knows the type: flattened fields, and the variants of tagged and untagged enums.
//!
//! serde reads such a value as whatever it is, and only later as what is asked for. A number that came as text is a string
//! by then, and stays one. So the macro has such fields read through [`buffered`], which parses texts once the type is
//! known.
//!
//! Whether a string is such a text is seen from how it is handed over: a reading of a tree lends texts, and gives strings of
//! JSON away (see `Place::plain`). Other deserializers lend strings as well, so that the type of the error has to be a
//! tree's.

use std::{any::type_name, borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{
    buffered_key::KeySeed, expected, filler::Filler, text::TextValues, tree_de::integral, tree_error::TreeError,
};

/// Reads a field that serde has set aside, or may have.
///
/// # Errors
///
/// As reading it right away.
pub fn buffered<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(Buffered(deserializer))
}

/// Reads a flattened field that may be absent: `None` if it can't be read, as serde has it.
///
/// # Errors
///
/// None.
pub fn buffered_option<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(buffered(deserializer).ok())
}

/// Stands for "something plausible" where a fault has been mended, until the type is known. Known by its address, so
/// that nobody can send it.
static MENDED: &str = "something plausible";

/// Returns what stands for something plausible where any value is read.
pub(super) fn mended() -> &'static str {
    MENDED
}

fn is_mended(text: &str) -> bool {
    std::ptr::eq(text.as_ptr(), MENDED.as_ptr())
}

/// Whether a reading whose errors are of a type is that of a tree.
fn is_tree<E>() -> bool {
    type_name::<E>() == type_name::<TreeError>()
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Seq,
    Tuple(usize),
    Map,
    Struct(&'static [&'static str]),
    /// An option, an enum, or something else that no single text is.
    Other,
}

/// Has a deserializer read what was asked for.
macro_rules! asked {
    ($asked:expr, $deserializer:expr, $visitor:expr) => {
        match $asked {
            Asked::Bool => $deserializer.deserialize_bool($visitor),
            Asked::I8 => $deserializer.deserialize_i8($visitor),
            Asked::I16 => $deserializer.deserialize_i16($visitor),
            Asked::I32 => $deserializer.deserialize_i32($visitor),
            Asked::I64 => $deserializer.deserialize_i64($visitor),
            Asked::I128 => $deserializer.deserialize_i128($visitor),
            Asked::U8 => $deserializer.deserialize_u8($visitor),
            Asked::U16 => $deserializer.deserialize_u16($visitor),
            Asked::U32 => $deserializer.deserialize_u32($visitor),
            Asked::U64 => $deserializer.deserialize_u64($visitor),
            Asked::U128 => $deserializer.deserialize_u128($visitor),
            Asked::F32 => $deserializer.deserialize_f32($visitor),
            Asked::F64 => $deserializer.deserialize_f64($visitor),
            Asked::Char => $deserializer.deserialize_char($visitor),
            Asked::Str => $deserializer.deserialize_str($visitor),
            Asked::Seq => $deserializer.deserialize_seq($visitor),
            Asked::Tuple(len) => $deserializer.deserialize_tuple(len, $visitor),
            Asked::Map => $deserializer.deserialize_map($visitor),
            Asked::Struct(fields) => $deserializer.deserialize_struct("", fields, $visitor),
            Asked::Other => $deserializer.deserialize_any($visitor),
        }
    };
}

/// A deserializer of what has been set aside.
struct Buffered<D>(D);

macro_rules! scalars {
    ($($method:ident $asked:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let visitor = Within { visitor, asked: Asked::$asked };
            // What has been set aside shows a string to nobody who asks for a number.
            if is_tree::<D::Error>() { self.0.deserialize_any(visitor) } else { self.0.$method(visitor) }
        })*
    };
}

macro_rules! passed_on {
    ($($method:ident($($name:ident: $ty:ty),*) $asked:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $ty,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($name,)* Within { visitor, asked: $asked })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Buffered<D> {
    type Error = D::Error;

    scalars! {
        deserialize_bool Bool deserialize_i8 I8 deserialize_i16 I16 deserialize_i32 I32 deserialize_i64 I64
        deserialize_i128 I128 deserialize_u8 U8 deserialize_u16 U16 deserialize_u32 U32 deserialize_u64 U64
        deserialize_u128 U128 deserialize_f32 F32 deserialize_f64 F64 deserialize_char Char deserialize_str Str
        deserialize_seq Seq
    }

    passed_on! {
        deserialize_option() Asked::Other; deserialize_unit() Asked::Other;
        deserialize_unit_struct(name: &'static str) Asked::Other;
        deserialize_newtype_struct(name: &'static str) Asked::Other;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Asked::Other;
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Within { visitor, asked: Asked::Map })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Within { visitor, asked: Asked::Struct(fields) })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if is_tree::<D::Error>() { self.deserialize_str(visitor) } else { self.0.deserialize_string(visitor) }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = Within { visitor, asked: Asked::Tuple(len) };
        if is_tree::<D::Error>() { self.0.deserialize_any(visitor) } else { self.0.deserialize_tuple(len, visitor) }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_tuple(len, visitor)
    }

    /// As it is, if it is set aside once more.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        if !is_tree::<D::Error>() || expected::is_set_aside(&visitor) {
            return self.0.deserialize_any(visitor);
        }
        self.0.deserialize_any(Within { visitor, asked: Asked::Other })
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_byte_buf(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_identifier(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A visitor that is shown what a text means, and whose own parts are read in the same way.
struct Within<V> {
    visitor: V,
    asked: Asked,
}

impl<V> Within<V> {
    fn is_for_integer(&self) -> bool {
        use Asked::{I8, I16, I32, I64, I128, U8, U16, U32, U64, U128};
        matches!(self.asked, I8 | I16 | I32 | I64 | I128 | U8 | U16 | U32 | U64 | U128)
    }
}

macro_rules! shown {
    ($($method:ident $ty:ty)*) => {
        $(fn $method<E: Error>(self, value: $ty) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Within<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    shown! {
        visit_bool bool visit_i8 i8 visit_i16 i16 visit_i32 i32 visit_i64 i64 visit_i128 i128 visit_u8 u8
        visit_u16 u16 visit_u32 u32 visit_u64 u64 visit_u128 u128 visit_f32 f32 visit_char char visit_str &str
        visit_string String visit_bytes &[u8] visit_borrowed_bytes &'de [u8] visit_byte_buf Vec<u8>
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        match integral(value) {
            Some(value) if is_tree::<E>() && self.is_for_integer() => self.visitor.visit_i64(value),
            _ => self.visitor.visit_f64(value),
        }
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        if !is_tree::<E>() {
            return self.visitor.visit_borrowed_str(text);
        }
        if is_mended(text) {
            return asked!(self.asked, Filler::default(), self.visitor).map_err(E::custom);
        }
        match self.asked {
            Asked::Str => {
                let expected = expected::of(&self.visitor);
                // What a library says of a text that it can't parse may repeat it.
                self.visitor.visit_borrowed_str::<E>(text).map_err(|error| match TreeError::of(&error) {
                    Some(error) if error.is_foreign() => {
                        E::custom(format_args!("expected {expected}, which the text is not"))
                    }
                    _ => error,
                })
            }
            Asked::Char | Asked::Map | Asked::Struct(_) | Asked::Other => self.visitor.visit_borrowed_str(text),
            asked => asked!(asked, TextValues::<E>::new(&[Cow::Borrowed(text)]), self.visitor),
        }
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Buffered(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Buffered(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Parts { access: seq, key: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Parts { access: map, key: None })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Parts { access: data, key: None })
    }
}

/// The parts of a list, of a map or of a variant.
struct Parts<A> {
    access: A,
    /// The key of a map whose value is asked for next.
    key: Option<String>,
}

/// Reads one part.
struct Part<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Part<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Buffered(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Parts<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.access.next_element_seed(Part(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Parts<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if is_tree::<A::Error>() {
            self.access.next_key_seed(KeySeed { seed, key: &mut self.key })
        } else {
            self.access.next_key_seed(seed)
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let key = self.key.take();
        self.access.next_value_seed(Part(seed)).inspect_err(|error| {
            if let (Some(key), Some(error)) = (key, TreeError::of(error)) {
                error.is_below(&key);
            }
        })
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Parts<A> {
    type Error = A::Error;
    type Variant = Parts<A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let (name, access) = self.access.variant_seed(seed)?;
        Ok((name, Parts { access, key: None }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Parts<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.access.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.access.newtype_variant_seed(Part(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.access.tuple_variant(len, Within { visitor, asked: Asked::Other })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.access.struct_variant(fields, Within { visitor, asked: Asked::Other })
    }
}
