use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error, SeqAccess, Visitor, value::Error as Unread},
    forward_to_deserialize_any,
};

/// What a type asks for when it is read: a list or one of something, and which fields that has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) is_list: bool,
    /// None, if it is no struct, or one whose fields aren't known before it is read, such as one with flattened ones.
    pub(super) fields: &'static [&'static str],
}

impl Asked {
    pub(super) fn of<T: DeserializeOwned>() -> Self {
        let mut asked = Self::default();
        // It ends with an error in any case: only what was asked for is of interest.
        let _ = T::deserialize(Listener(&mut asked));
        asked
    }
}

/// Notes what it is asked for, and gives nothing.
struct Listener<'a>(&'a mut Asked);

fn noted<T>() -> Result<T, Unread> {
    Err(Unread::custom("only what is asked for is of interest"))
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Unread;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Unread> {
        self.0.fields = fields;
        noted()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.0.is_list = true;
        visitor.visit_seq(self)
    }

    /// What takes anything is given a list.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        self.0.is_list = true;
        noted()
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        noted()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        tuple tuple_struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Listener<'_> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        let mut item = Asked::default();
        let read = seed.deserialize(Listener(&mut item));
        self.0.fields = item.fields;
        read.map(Some)
    }
}
