//! Models as values: simple types as text, as everybody else writes them there, and everything else as JSON.

mod read;
mod write;

use redis::{Cmd, RedisWrite as _};
use serde::{Serialize, de::DeserializeOwned};
use zato_core::{Error, Result, Retry};

/// Writes a value: a text, a number, a boolean or bytes as they are, everything else as JSON.
///
/// # Errors
///
/// [`Internal`](zato_core::Kind::Internal) if it can't be one, such as a `None` or a number that is none.
pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write::to(&mut bytes, value).map_err(unkept)?;
    Ok(bytes)
}

/// Writes a value as the next argument of a command, which is of no use if that fails.
///
/// # Errors
///
/// As [`to_bytes`].
pub(crate) fn add<T: Serialize + ?Sized>(command: &mut Cmd, value: &T) -> Result<()> {
    write::to(&mut command.writer_for_next_arg(), value).map_err(unkept)
}

fn unkept(error: serde_json::Error) -> Error {
    Error::internal("the value can't be kept in Redis").with_source(error)
}

/// Reads a value as a type wants it.
///
/// # Errors
///
/// [`Upstream`](zato_core::Kind::Upstream) if it is no such thing.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    read::from_bytes(bytes).map_err(|error| {
        let error = Error::upstream("the value is not what was expected").with_source(error);
        error.with_retry(Retry::Never)
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug};

    use serde::Deserialize;
    use zato_core::{bytes::Bytes, chrono::NaiveDate, model::Base64};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Rate {
        year: u16,
        amount: Option<f64>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum State {
        Open,
        Closed { by: String },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Id(u64);

    fn goes_both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, text: &str) {
        let bytes = to_bytes(value).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), text);
        assert_eq!(from_bytes::<T>(&bytes).unwrap(), *value);
    }

    #[test]
    fn simple_types_are_text_and_the_rest_is_json() {
        goes_both_ways(&String::from("a \"text\"\n"), "a \"text\"\n");
        goes_both_ways(&String::new(), "");
        goes_both_ways(&'x', "x");
        goes_both_ways(&-7_i64, "-7");
        goes_both_ways(&u64::MAX, "18446744073709551615");
        goes_both_ways(&0.1_f64, "0.1");
        goes_both_ways(&true, "true");
        goes_both_ways(&Id(9), "9");
        goes_both_ways(&Some(String::from("null")), "null");
        goes_both_ways(&NaiveDate::from_ymd_opt(2013, 6, 1).unwrap(), "2013-06-01");
        goes_both_ways(&State::Open, "Open");
        goes_both_ways(&State::Closed { by: "Ann".to_owned() }, "{\"Closed\":{\"by\":\"Ann\"}}");
        goes_both_ways(&Rate { year: 2013, amount: None }, "{\"year\":2013,\"amount\":null}");
        goes_both_ways(&Some(Rate { year: 2013, amount: Some(1.5) }), "{\"year\":2013,\"amount\":1.5}");
        goes_both_ways(&vec![1, 2], "[1,2]");
        goes_both_ways(&(1, String::from("a")), "[1,\"a\"]");
        goes_both_ways(&BTreeMap::from([(String::from("a"), 1)]), "{\"a\":1}");
        goes_both_ways(&Base64::from(vec![1, 2, 3]), "AQID");
    }

    #[test]
    fn bytes_are_kept_as_they_are() {
        struct Raw(Bytes);
        impl Serialize for Raw {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }
        assert_eq!(to_bytes(&Raw(Bytes::from_static(&[0, 255]))).unwrap(), [0, 255]);
    }

    #[test]
    fn what_others_wrote_is_read() {
        assert_eq!(from_bytes::<State>(b"\"Open\"").unwrap(), State::Open);
        assert!(from_bytes::<bool>(b"1").unwrap());
        assert_eq!(from_bytes::<zato_core::Value>(b"{\"a\": 1}").unwrap(), serde_json::json!({"a": 1}));
        assert_eq!(from_bytes::<zato_core::Value>(b"plain").unwrap(), serde_json::json!("plain"));
        assert_eq!(from_bytes::<f64>(b"3").unwrap(), 3.0);
    }

    #[test]
    fn what_can_not_be_a_value_is_refused() {
        struct Failing;
        impl Serialize for Failing {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("no"))
            }
        }
        assert!(to_bytes(&None::<i32>).is_err());
        assert!(to_bytes(&f64::NAN).is_err());
        assert!(to_bytes(&f32::INFINITY).is_err());
        assert!(to_bytes(&Failing).is_err());
        assert!(from_bytes::<u8>(b"256").is_err());
        assert!(from_bytes::<u8>(b"1 2").is_err());
        assert!(from_bytes::<String>(b"\xff").is_err());
        assert!(from_bytes::<Rate>(b"{\"year\": 2013").is_err());
        assert!(from_bytes::<Rate>(b"").is_err());
        assert!(from_bytes::<State>(b"Ajar").is_err());
        assert!(from_bytes::<State>(b"\xff").is_err());
    }
}
