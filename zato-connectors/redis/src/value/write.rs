use std::io::Write;

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Error, Result};

type Json<'w, W> = serde_json::Serializer<&'w mut W>;

pub(super) fn to<W: Write, T: Serialize + ?Sized>(out: &mut W, value: &T) -> Result<()> {
    value.serialize(Outermost { out, json: &mut None })
}

/// Takes the outermost value; what is in it goes to JSON.
struct Outermost<'s, 'w, W> {
    out: &'w mut W,
    /// Where the serializer of JSON lies that a sequence or a map is written with, while that is.
    json: &'s mut Option<Json<'w, W>>,
}

impl<'s, 'w, W: Write> Outermost<'s, 'w, W> {
    fn json(self) -> &'s mut Json<'w, W> {
        self.json.insert(Json::new(self.out))
    }

    fn finite(self, is_finite: bool, write: impl FnOnce(&mut Json<'_, W>) -> Result<()>) -> Result<()> {
        if is_finite { write(self.json()) } else { Err(Error::custom("a float that is no number can't be kept")) }
    }
}

macro_rules! to_json {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<()> {
            self.json().$method(value)
        })*
    };
}

impl<'s, 'w, W: Write> Serializer for Outermost<'s, 'w, W> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = <&'s mut Json<'w, W> as Serializer>::SerializeSeq;
    type SerializeTuple = <&'s mut Json<'w, W> as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <&'s mut Json<'w, W> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <&'s mut Json<'w, W> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <&'s mut Json<'w, W> as Serializer>::SerializeMap;
    type SerializeStruct = <&'s mut Json<'w, W> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <&'s mut Json<'w, W> as Serializer>::SerializeStructVariant;

    // Numbers and booleans are the same in JSON and as text.
    to_json!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128,
    );

    fn serialize_f32(self, value: f32) -> Result<()> {
        self.finite(value.is_finite(), |json| json.serialize_f32(value))
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        self.finite(value.is_finite(), |json| json.serialize_f64(value))
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.out.write_all(value).map_err(Error::custom)
    }

    fn serialize_none(self) -> Result<()> {
        // It would come back as something else: who wants nothing there deletes the key.
        Err(Error::custom("a None can't be kept: delete the key in its place"))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.json().serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<()> {
        self.json().serialize_unit_struct(name)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.json().serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq> {
        self.json().serialize_seq(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple> {
        self.json().serialize_tuple(len)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct> {
        self.json().serialize_tuple_struct(name, len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        self.json().serialize_tuple_variant(name, index, variant, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap> {
        self.json().serialize_map(len)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct> {
        self.json().serialize_struct(name, len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant> {
        self.json().serialize_struct_variant(name, index, variant, len)
    }
}
