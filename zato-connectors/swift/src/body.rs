use std::borrow::Cow;

use zato_core::{
    bytes::{Bytes, BytesMut},
    model::Base64,
};

/// What can be stored as it is: bytes and texts. What is borrowed is copied.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_swift::{IntoBytes, Swift};
///
/// async fn keep(storage: &Swift, lines: &[String], content: impl IntoBytes) -> Result<()> {
///     for (number, line) in lines.iter().enumerate() {
///         storage.object("lines", &number.to_string()).put(line).await?;
///     }
///     storage.object("lines", "all").put(content).await.map(drop)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither bytes nor a text",
    label = "can't be stored as it is",
    note = "a model is stored by `put_model`, what comes piece by piece by `put_stream`"
)]
pub trait IntoBytes {
    /// Returns the bytes.
    fn into_bytes(self) -> Bytes;
}

macro_rules! owned {
    ($($owned:ty),*) => { $(
        impl IntoBytes for $owned {
            fn into_bytes(self) -> Bytes {
                self.into()
            }
        }
    )* };
}

owned!(Bytes, BytesMut, Vec<u8>, Box<[u8]>, String, Base64);

macro_rules! borrowed {
    ($($borrowed:ty),*) => { $(
        impl IntoBytes for $borrowed {
            fn into_bytes(self) -> Bytes {
                Bytes::copy_from_slice(self.as_ref())
            }
        }
    )* };
}

borrowed!(&[u8], &Vec<u8>, &str, &String);

impl IntoBytes for &Bytes {
    fn into_bytes(self) -> Bytes {
        self.clone()
    }
}

impl<const N: usize> IntoBytes for &[u8; N] {
    fn into_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl IntoBytes for Cow<'_, str> {
    fn into_bytes(self) -> Bytes {
        self.into_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_holds_bytes_can_be_stored() {
        let (text, bytes) = ("text".to_owned(), b"text".to_vec());
        let all = [
            text.as_str().into_bytes(),
            (&text).into_bytes(),
            Cow::Borrowed(&*text).into_bytes(),
            text.clone().into_bytes().into(),
            bytes.as_slice().into_bytes(),
            (&bytes).into_bytes(),
            (&Bytes::from_static(b"text")).into_bytes(),
            b"text".into_bytes(),
            BytesMut::from("text").into_bytes(),
            bytes.clone().into_boxed_slice().into_bytes(),
            IntoBytes::into_bytes(bytes),
            IntoBytes::into_bytes(text),
        ];
        assert!(all.iter().all(|bytes| bytes == "text"), "{all:?}");
    }
}
