//! A model as parameters: its fields, by the names that serde knows them by.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser};
use zato_core::{Error, Result};

use super::{
    Parameters,
    serializer::{Unusable, ValueSerializer, unusable},
};
use crate::value::SqlValue;

/// Turns a model, a map, or a list of values into parameters.
pub(super) fn parameters_of<T: Serialize>(model: &T) -> Result<Parameters> {
    model.serialize(Top).map_err(|error| Error::internal(format!("a model can't be parameters: {error}")))
}

struct Top;

/// Collects the fields of a model.
#[derive(Default)]
pub(super) struct Fields {
    values: Vec<(Cow<'static, str>, SqlValue)>,
    name: Option<String>,
}

/// Collects values by position.
#[derive(Default)]
pub(super) struct Places(Vec<SqlValue>);

impl Fields {
    fn add<T: Serialize + ?Sized>(&mut self, name: Cow<'static, str>, value: &T) -> Result<(), Unusable> {
        let value = value.serialize(ValueSerializer).map_err(|error| error.at(&name))?;
        self.values.push((name, value));
        Ok(())
    }
}

macro_rules! refused {
    ($($method:ident($type:ty))*) => {
        $(
            fn $method(self, _: $type) -> Result<Parameters, Unusable> {
                Err(unusable("it is no struct; give a single value as (value,)"))
            }
        )*
    };
}

impl Serializer for Top {
    type Ok = Parameters;
    type Error = Unusable;
    type SerializeSeq = Places;
    type SerializeTuple = Places;
    type SerializeTupleStruct = Places;
    type SerializeTupleVariant = ser::Impossible<Parameters, Unusable>;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    refused! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_u8(u8)
        serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32) serialize_f64(f64)
        serialize_char(char) serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    fn serialize_none(self) -> Result<Parameters, Unusable> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Parameters, Unusable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Parameters, Unusable> {
        Ok(Parameters::default())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<Parameters, Unusable> {
        Err(unusable("it is no struct; give a single value as (value,)"))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Parameters, Unusable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Parameters, Unusable> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Places, Unusable> {
        Ok(Places::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Places, Unusable> {
        Ok(Places::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Places, Unusable> {
        Ok(Places::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unusable> {
        Err(unusable("it is no struct"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Unusable> {
        Ok(Fields::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Unusable> {
        Ok(Fields::default())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Fields, Unusable> {
        Ok(Fields::default())
    }
}

impl ser::SerializeStruct for Fields {
    type Ok = Parameters;
    type Error = Unusable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unusable> {
        self.add(Cow::Borrowed(key), value)
    }

    /// A field that is left out when it is empty is NULL: the statement has its name.
    fn skip_field(&mut self, key: &'static str) -> Result<(), Unusable> {
        self.values.push((Cow::Borrowed(key), SqlValue::Null));
        Ok(())
    }

    fn end(self) -> Result<Parameters, Unusable> {
        Ok(Parameters::of_model(self.values))
    }
}

impl ser::SerializeStructVariant for Fields {
    type Ok = Parameters;
    type Error = Unusable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unusable> {
        self.add(Cow::Borrowed(key), value)
    }

    fn end(self) -> Result<Parameters, Unusable> {
        Ok(Parameters::of_model(self.values))
    }
}

impl ser::SerializeMap for Fields {
    type Ok = Parameters;
    type Error = Unusable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unusable> {
        match key.serialize(ValueSerializer)? {
            SqlValue::Text(name) => self.name = Some(name),
            _ => return Err(unusable("the keys of a map are names of parameters, and have to be texts")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        let name = self.name.take().unwrap_or_default();
        self.add(Cow::Owned(name), value)
    }

    fn end(self) -> Result<Parameters, Unusable> {
        Ok(Parameters::of_model(self.values))
    }
}

impl ser::SerializeSeq for Places {
    type Ok = Parameters;
    type Error = Unusable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        self.0.push(value.serialize(ValueSerializer)?);
        Ok(())
    }

    fn end(self) -> Result<Parameters, Unusable> {
        Ok(Parameters::by_position_of(self.0))
    }
}

impl ser::SerializeTuple for Places {
    type Ok = Parameters;
    type Error = Unusable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Parameters, Unusable> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Places {
    type Ok = Parameters;
    type Error = Unusable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusable> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Parameters, Unusable> {
        ser::SerializeSeq::end(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use zato_core::{
        bytes::Bytes,
        chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc},
        model::{Base64, Decimal},
    };

    use super::{super::Given, *};

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        order_id: u64,
        amount: Decimal,
        photo: Base64,
        day: NaiveDate,
        hour: NaiveTime,
        at: NaiveDateTime,
        sent: DateTime<Utc>,
        note: Option<String>,
        tags: Vec<&'static str>,
        lines: Vec<Line>,
        first: Line,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<i64>,
        kind: Kind,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Urgent,
    }

    #[derive(Clone, Serialize)]
    struct Line {
        product: &'static str,
    }

    #[test]
    fn every_field_is_a_parameter_and_keeps_its_type() {
        let sent = DateTime::parse_from_rfc3339("2026-01-31T10:20:30.5Z").unwrap().to_utc();
        let line = Line { product: "bolt" };
        let order = Order {
            order_id: 7,
            amount: "1.10".parse().unwrap(),
            photo: Base64::from(vec![0xff, 0]),
            day: sent.date_naive(),
            hour: sent.time(),
            at: sent.naive_utc(),
            sent,
            note: None,
            tags: vec!["a", "b"],
            lines: vec![line.clone()],
            first: line,
            left_out: None,
            kind: Kind::Urgent,
        };
        let Given::ByName { values, may_have_more: true } = parameters_of(&order).unwrap().0 else { panic!() };
        let text = |text: &str| SqlValue::Text(text.to_owned());
        let bolt = serde_json::json!({"product": "bolt"});
        let expected = [
            ("orderId", SqlValue::U64(7)),
            ("amount", SqlValue::Decimal(order.amount)),
            ("photo", SqlValue::Bytes(Bytes::from_static(&[0xff, 0]))),
            ("day", SqlValue::Date(order.day)),
            ("hour", SqlValue::Time(order.hour)),
            ("at", SqlValue::DateTime(order.at)),
            ("sent", SqlValue::Instant(sent)),
            ("note", SqlValue::Null),
            ("tags", SqlValue::Array(vec![text("a"), text("b")])),
            ("lines", SqlValue::Json(serde_json::json!([bolt]))),
            ("first", SqlValue::Json(bolt)),
            ("leftOut", SqlValue::Null),
            ("kind", text("urgent")),
        ];
        let names = |(name, _): &(Cow<'static, str>, SqlValue)| name.to_string();
        assert_eq!(
            values.iter().map(names).collect::<Vec<_>>(),
            expected.each_ref().map(|(name, _)| (*name).to_owned())
        );
        for ((name, value), (_, expected)) in values.iter().zip(&expected) {
            assert!(value == expected, "{name}: {value:?}");
        }
    }

    #[test]
    fn maps_give_names_and_lists_give_places() {
        let map = BTreeMap::from([("a", 1), ("b", 2)]);
        assert_eq!(format!("{:?}", parameters_of(&map).unwrap()), "Parameters(:a, :b)");
        assert_eq!(format!("{:?}", parameters_of(&vec![1, 2]).unwrap()), "Parameters(2)");
        assert_eq!(
            parameters_of(&5).unwrap_err().message(),
            "a model can't be parameters: it is no struct; give a single value as (value,)"
        );
    }

    #[test]
    fn what_json_has_no_word_for_is_refused() {
        #[derive(Serialize)]
        struct Report {
            half: f64,
            inner: Inner,
        }
        #[derive(Serialize)]
        struct Inner {
            rates: Vec<Option<f32>>,
        }
        let report = |half, rate| Report { half, inner: Inner { rates: vec![None, Some(rate)] } };
        // Databases that have them get them.
        assert!(parameters_of(&report(f64::NAN, 1.0)).is_ok());
        let error = parameters_of(&report(0.5, f32::INFINITY)).unwrap_err();
        let words = "a model can't be parameters: the field inner: the field rates: JSON has neither NaN nor infinity";
        assert_eq!(error.message(), words);
        assert!(SqlValue::json([Some(f64::NAN)]).is_err() && SqlValue::json([None::<f64>]).is_ok());
        let nested = SqlValue::Array(vec![SqlValue::Array(vec![f64::NEG_INFINITY.into()])]);
        assert!(super::super::json(&nested).is_err());
    }
}
