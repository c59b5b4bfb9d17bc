use std::{
    borrow::Cow,
    fmt,
    ops::{self, Deref},
    str::FromStr,
    sync::LazyLock,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

/// An exact decimal number of up to 28 digits, for money above all.
///
/// Read from a JSON string or from a JSON number: of a number, the digits are taken as they stand in the text and
/// never go through a binary fraction. Written as a string, as Zato does, so that no reader rounds it. What doesn't
/// fit is an error, never rounded. It is a [`rust_decimal::Decimal`] underneath.
///
/// ```
/// use zato_core::model::Decimal;
///
/// let amount: Decimal = serde_json::from_str("12345678901234567.89").unwrap();
/// assert_eq!(serde_json::to_string(&amount).unwrap(), "\"12345678901234567.89\"");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

/// The text is no decimal number that fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a decimal number of at most 28 digits")]
pub struct InvalidDecimal;

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        let text = text.trim();
        let parsed = match text.split_once(['e', 'E']) {
            None => rust_decimal::Decimal::from_str_exact(text),
            Some(_) => rust_decimal::Decimal::from_scientific(text),
        };
        parsed.map(Self).map_err(|_| InvalidDecimal)
    }
}

impl Deref for Decimal {
    type Target = rust_decimal::Decimal;

    fn deref(&self) -> &rust_decimal::Decimal {
        &self.0
    }
}

macro_rules! arithmetic {
    ($($operation:ident $method:ident)*) => {
        $(
            /// Exact; panics where the result has more than 28 digits, which ends the request with an internal error.
            impl ops::$operation for Decimal {
                type Output = Self;

                fn $method(self, other: Self) -> Self {
                    Self(ops::$operation::$method(self.0, other.0))
                }
            }
        )*
    };
}

arithmetic! { Add add Sub sub Mul mul Div div Rem rem }

impl ops::Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl std::iter::Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        Self(numbers.map(|number| number.0).sum())
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<rust_decimal::Decimal> for Decimal {
    fn from(decimal: rust_decimal::Decimal) -> Self {
        Self(decimal)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(raw_value_name(), Digits)
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    /// On the way out it is always a string. How many digits there are before and behind the point together, a pattern
    /// can't say.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let types: &[&str] = if generator.contract().is_serialize() { &["string"] } else { &["string", "number"] };
        json_schema!({
            "type": types,
            "format": "decimal",
            "pattern": "^[ \\t\\r\\n]*[+-]?([0-9]{1,28}([.][0-9]{0,28})?|[.][0-9]{1,28})([eE][+-]?[0-9]{1,2})?[ \\t\\r\\n]*$",
            "minimum": -79_228_162_514_264_337_593_543_950_335_f64,
            "maximum": 79_228_162_514_264_337_593_543_950_335_f64,
            "description": "Exact decimal number of up to 28 digits"
        })
    }
}

/// Returns the name by which `RawValue` asks `serde_json` for the text of a value.
///
/// It is learnt from `RawValue` itself, through its public interface, since the name is nobody's to write down. Every
/// other format takes it for the name of some newtype struct.
fn raw_value_name() -> &'static str {
    static NAME: LazyLock<&'static str> = LazyLock::new(|| {
        let mut asked = "";
        let _ = Box::<RawValue>::deserialize(Listener(&mut asked));
        asked
    });
    *NAME
}

/// Notes the name of the newtype struct that it is asked for, and gives nothing.
struct Listener<'a>(&'a mut &'static str);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = de::value::Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, _: V) -> Result<V::Value, Self::Error> {
        *self.0 = name;
        Err(de::Error::custom("only the name was of interest"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only the name was of interest"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Digits;

impl Digits {
    fn read<E: de::Error>(text: &str) -> Result<Decimal, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Visitor<'de> for Digits {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number of at most 28 digits")
    }

    /// From `serde_json`: one key, whose value is the text of the number or string as it stands in the document.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decimal, A::Error> {
        let unusable = || de::Error::invalid_type(de::Unexpected::Map, &"a decimal number of at most 28 digits");
        if map.next_key::<de::IgnoredAny>().ok().flatten().is_none() {
            return Err(unusable());
        }
        let text: String = map.next_value().map_err(|_| unusable())?;
        if text.starts_with('"') {
            let inner: String = serde_json::from_str(&text).map_err(|_| unusable())?;
            return Self::read(&inner);
        }
        Self::read(&text)
    }

    /// From every other format.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Decimal, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
        Self::read(text)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
        Ok(Decimal(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
        Ok(Decimal(number.into()))
    }

    /// From a source that has made a binary fraction of the number already.
    ///
    /// Its shortest decimal form is what was written as long as that had at most 15 significant digits (IEEE 754
    /// double precision); beyond that digits may have been lost, which is refused.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
        let text = number.to_string();
        let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
        if digits > 15 {
            return Err(E::custom(
                "expected a decimal number: one of more than 15 digits must be sent as a string here",
            ));
        }
        Self::read(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_a_json_number_are_kept() {
        for text in ["357.9", "1.10", "0.1", "-12345678901234567890.12345678", "123456789.123456789", "0"] {
            assert_eq!(serde_json::from_str::<Decimal>(text).unwrap().to_string(), text);
            assert_eq!(serde_json::from_str::<Decimal>(&format!("\"{text}\"")).unwrap().to_string(), text);
        }
        assert_eq!(serde_json::from_str::<Decimal>("1.5e3").unwrap(), "1500".parse().unwrap());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["1e400", "12345678901234567890123456789012345", "\"abc\"", "true", "[]", "{}", "null", "\"\""] {
            assert!(serde_json::from_str::<Decimal>(text).is_err(), "{text}");
        }
        type Double = de::value::F64Deserializer<de::value::Error>;
        assert!(Decimal::deserialize(Double::new(0.123_456_789_012_345_67)).is_err());
        assert_eq!(serde_json::from_value::<Decimal>(serde_json::json!(0.1)).unwrap().to_string(), "0.1");
    }

    #[test]
    fn it_survives_the_buffering_of_a_flattened_struct() {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(flatten)]
            inner: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            amount: Decimal,
        }
        let outer: Outer = serde_json::from_str(r#"{"amount": 12.50}"#).unwrap();
        assert_eq!(outer.inner.amount, "12.5".parse().unwrap());
    }
}
