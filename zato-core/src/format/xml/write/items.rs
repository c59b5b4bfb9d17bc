//! The items of a list.

use serde::{
    Serialize,
    ser::{SerializeSeq, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant},
};

use super::{
    Unwritable,
    element::{ElementWriter, Ends, Role},
    output::Output,
};

/// The items of a list, each an element.
pub(super) struct Items<'a, 'w, 'n> {
    pub(super) output: &'a mut Output<'w>,
    /// What each item is called.
    pub(super) name: &'n str,
    pub(super) namespace: Option<&'w str>,
    pub(super) role: Role,
    pub(super) ends: Ends<'w, 'n>,
    /// How many there are so far.
    pub(super) written: usize,
}

impl Items<'_, '_, '_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.written += 1;
        let Self { output, name, namespace, role, .. } = self;
        value
            .serialize(ElementWriter { output, name, namespace: *namespace, item: None, role: *role })
            .map_err(|error| error.within(&format!("{name}[{}]", self.written)))
    }

    fn finish(self) {
        self.ends.write(self.output);
    }
}

macro_rules! list {
    ($($trait:ident $method:ident;)*) => {
        $(impl $trait for Items<'_, '_, '_> {
            type Ok = ();
            type Error = Unwritable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
                self.add(value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.finish();
                Ok(())
            }
        })*
    };
}

list! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}
