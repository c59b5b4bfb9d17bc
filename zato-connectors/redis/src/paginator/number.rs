use std::{error::Error as StdError, fmt};

use zato_core::Error;

/// The number of a page as somebody gives it, which may be none.
///
/// ```
/// use zato_redis::PageNumber;
///
/// let numbers: [PageNumber; 3] = [3.into(), "3".into(), "three".into()];
/// # let _ = numbers;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageNumber(Option<i128>);

impl PageNumber {
    /// Returns the number if it could be one of a page.
    pub(super) fn read(self) -> Result<u64, InvalidPage> {
        let number = self.0.ok_or(InvalidPage::PageNotAnInteger)?;
        if number < 1 {
            return Err(InvalidPage::EmptyPage("that page number is less than 1"));
        }
        Ok(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<&str> for PageNumber {
    fn from(text: &str) -> Self {
        Self(text.trim().parse().ok())
    }
}

impl From<&String> for PageNumber {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for PageNumber {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(
            impl From<$number> for PageNumber {
                fn from(number: $number) -> Self {
                    Self(i128::try_from(number).ok())
                }
            }
        )+
    };
}

numbers!(i32, i64, u8, u16, u32, u64, usize);

/// Why there is no page of a number, as the cause of the [`Error`].
///
/// # Examples
///
/// ```
/// use zato_core::Kind;
/// use zato_redis::InvalidPage;
///
/// let error = InvalidPage::PageNotAnInteger.into_error();
/// assert_eq!(error.kind(), Kind::InvalidInput);
/// assert_eq!(error.find::<InvalidPage>(), Some(&InvalidPage::PageNotAnInteger));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPage {
    /// It is no whole number.
    PageNotAnInteger,
    /// There is no such page, for this reason.
    EmptyPage(&'static str),
}

impl fmt::Display for InvalidPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PageNotAnInteger => "that page number is not an integer",
            Self::EmptyPage(reason) => reason,
        })
    }
}

impl StdError for InvalidPage {}

impl InvalidPage {
    /// Makes the error that a caller is told: no number is [`InvalidInput`](zato_core::Kind::InvalidInput), a page that there
    /// is not [`NotFound`](zato_core::Kind::NotFound).
    #[must_use]
    pub fn into_error(self) -> Error {
        let error = match self {
            Self::PageNotAnInteger => Error::invalid_input("that page number is not an integer"),
            Self::EmptyPage(reason) => Error::not_found(reason),
        };
        error.with_source(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_numbers_of_pages() {
        let read = |number: PageNumber| number.read();
        for number in ["3", " 3 ", "+3"] {
            assert_eq!(read(number.into()), Ok(3), "{number:?}");
        }
        assert_eq!([read(3.into()), read(3_u8.into()), read(3_usize.into())], [Ok(3); 3]);
        for text in ["", "x", "3.0", "3 4", "last", "٣", "\0"] {
            assert_eq!(read(text.into()), Err(InvalidPage::PageNotAnInteger), "{text:?}");
        }
        for text in ["0", "-1", "-99999999999999999999"] {
            assert_eq!(read(text.into()), Err(InvalidPage::EmptyPage("that page number is less than 1")), "{text:?}");
        }
        assert_eq!(read("99999999999999999999".into()), Ok(u64::MAX));
    }
}
