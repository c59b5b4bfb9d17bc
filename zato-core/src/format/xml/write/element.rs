//! A value as an element, or as none, or as several of one name.

use serde::{Serialize, Serializer};

use super::{
    Unwritable,
    fields::{Fields, Keyed},
    items::Items,
    output::{Begun, Output},
    text::{bytes, float},
};
use crate::model::Hints;

/// What a value stands for among its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The root, or an item of the list that is the root: its model's own name counts more than the one it is given.
    Named,
    /// As `Item`, for a root whose name is somebody else's decision.
    Root,
    /// The value of a field: a list is as many elements of its name, and nothing is no element.
    Field,
    /// An item of a list: a list in it is one element, and nothing is one, too.
    Item,
}

/// The name of items that nobody has said anything of, as Zato has it.
pub(in super::super) const ITEM: &str = "item";

/// Where a value is written to, and as what.
pub(super) struct ElementWriter<'a, 'w, 'n> {
    pub(super) output: &'a mut Output<'w>,
    pub(super) name: &'n str,
    pub(super) namespace: Option<&'w str>,
    /// What the items of a list are called, which then has an element of its own.
    pub(super) item: Option<&'static str>,
    pub(super) role: Role,
}

/// Elements whose end tags are to come, from the outside in: that of the value, and that of an enum's variant in it.
pub(super) struct Ends<'w, 'n>(pub(super) Option<(&'n str, Begun<'w>)>, pub(super) Option<(&'n str, Begun<'w>)>);

impl<'w> Ends<'w, '_> {
    pub(super) fn write(self, output: &mut Output<'w>) {
        for (name, begun) in [self.1, self.0].into_iter().flatten() {
            output.end(name, &begun);
        }
    }

    /// Returns the inner one.
    pub(super) fn inner(&mut self) -> Option<&mut Begun<'w>> {
        self.1.as_mut().or(self.0.as_mut()).map(|(_, begun)| begun)
    }
}

impl<'a, 'w, 'n> ElementWriter<'a, 'w, 'n> {
    /// Writes an element with a text in it.
    fn leaf(self, content: &str) -> Result<(), Unwritable> {
        let begun = self.output.begin(self.name, self.namespace)?;
        if !content.is_empty() {
            self.output.text(content)?;
        }
        self.output.end(self.name, &begun);
        Ok(())
    }

    /// Writes that there is nothing, where something has to stand (XML Schema part 1 §2.6.2).
    fn nothing(self) -> Result<(), Unwritable> {
        if self.role == Role::Field {
            return Ok(());
        }
        let mut begun = self.output.begin(self.name, self.namespace)?;
        self.output.nil(&mut begun)?;
        self.output.end(self.name, &begun);
        Ok(())
    }

    fn list(self) -> Result<Items<'a, 'w, 'n>, Unwritable> {
        let Self { output, name, namespace, item, role } = self;
        let (item, item_role) = match (role, item) {
            (Role::Field, None) => {
                return Ok(Items { output, name, namespace, role: Role::Item, ends: Ends(None, None), written: 0 });
            }
            (Role::Named, _) => (ITEM, Role::Named),
            (_, item) => (item.unwrap_or(ITEM), Role::Item),
        };
        let begun = output.begin(name, namespace)?;
        Ok(Items { output, name: item, namespace, role: item_role, ends: Ends(Some((name, begun)), None), written: 0 })
    }

    /// Begins the element, and that of a variant in it.
    fn variant(self, variant: &'static str) -> Result<(&'a mut Output<'w>, Option<&'w str>, Ends<'w, 'n>), Unwritable> {
        let begun = self.output.begin(self.name, self.namespace)?;
        let inner = self.output.begin(variant, self.namespace).map_err(|error| error.within(variant))?;
        Ok((self.output, self.namespace, Ends(Some((self.name, begun)), Some((variant, inner)))))
    }
}

macro_rules! displayed {
    ($($method:ident $ty:ty;)*) => {
        $(fn $method(self, value: $ty) -> Result<(), Unwritable> {
            self.leaf(&value.to_string())
        })*
    };
}

impl<'a, 'w, 'n> Serializer for ElementWriter<'a, 'w, 'n> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Items<'a, 'w, 'n>;
    type SerializeTuple = Items<'a, 'w, 'n>;
    type SerializeTupleStruct = Items<'a, 'w, 'n>;
    type SerializeTupleVariant = Items<'a, 'w, 'n>;
    type SerializeMap = Keyed<'a, 'w, 'n>;
    type SerializeStruct = Fields<'a, 'w, 'n>;
    type SerializeStructVariant = Fields<'a, 'w, 'n>;

    displayed! {
        serialize_i8 i8; serialize_i16 i16; serialize_i32 i32; serialize_i64 i64; serialize_i128 i128;
        serialize_u8 u8; serialize_u16 u16; serialize_u32 u32; serialize_u64 u64; serialize_u128 u128; serialize_char char;
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.leaf(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        self.leaf(&float(value.into(), value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        self.leaf(&float(value, value))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.leaf(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritable> {
        Err(bytes())
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.nothing()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.nothing()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unwritable> {
        self.leaf(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        let begun = self.output.begin(self.name, self.namespace)?;
        let (name, output) = (variant, &mut *self.output);
        value
            .serialize(ElementWriter { output, name, namespace: self.namespace, item: None, role: Role::Item })
            .map_err(|error| error.within(variant))?;
        self.output.end(self.name, &begun);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a, 'w, 'n>, Unwritable> {
        self.list()
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a, 'w, 'n>, Unwritable> {
        self.list()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a, 'w, 'n>, Unwritable> {
        self.list()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a, 'w, 'n>, Unwritable> {
        let (output, namespace, ends) = self.variant(variant)?;
        Ok(Items { output, name: ITEM, namespace, role: Role::Item, ends, written: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Keyed<'a, 'w, 'n>, Unwritable> {
        let begun = self.output.begin(self.name, self.namespace)?;
        let (output, namespace) = (self.output, self.namespace);
        Ok(Keyed {
            fields: Fields { output, namespace, hints: Hints::of(""), ends: Ends(Some((self.name, begun)), None) },
            key: None,
        })
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a, 'w, 'n>, Unwritable> {
        let hints = Hints::of(name);
        let own = if hints.is_empty() { crate::model::Hint::default() } else { hints.of_struct() };
        let (mut name, mut namespace) = (self.name, self.namespace);
        if self.role == Role::Named {
            name = own.name.unwrap_or(name);
            namespace = within(own.namespace, namespace);
        }
        let begun = self.output.begin(name, namespace)?;
        let namespace = within(own.namespace, namespace);
        Ok(Fields { output: self.output, namespace, hints, ends: Ends(Some((name, begun)), None) })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a, 'w, 'n>, Unwritable> {
        let (output, namespace, ends) = self.variant(variant)?;
        Ok(Fields { output, namespace, hints: Hints::of(""), ends })
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        self.leaf(&value.to_string())
    }
}

/// Returns the namespace that is named, which may be none at all (`""`), or else the one around it.
pub(super) fn within<'w>(named: Option<&'static str>, around: Option<&'w str>) -> Option<&'w str> {
    match named {
        Some("") => None,
        Some(named) => Some(named),
        None => around,
    }
}
