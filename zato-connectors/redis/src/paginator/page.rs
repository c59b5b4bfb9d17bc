use std::{fmt, slice, vec};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::InvalidPage;

/// A page.
///
/// As JSON it is an object of `object_list`, `number`, `count`, `num_pages`, `start_index`, `end_index`, `has_next`,
/// `has_previous`, `next_page_number` and `previous_page_number`; the last two are `null` where there is no such page.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{ListPaginator, Page, Redis};
///
/// async fn third(redis: &Redis) -> Result<usize> {
///     let page: Page<String> = ListPaginator::new(redis, "orders", 6).page(3).await?;
///     for order in &page {
///         println!("{order}, of {page}");
///     }
///     Ok(page.len())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is on the page.
    pub object_list: Vec<T>,
    /// The page's number, from 1 on.
    pub number: u64,
    /// How many items there are on all pages together.
    pub count: u64,
    /// How many pages there are.
    pub num_pages: u64,
    pub(super) per_page: u64,
}

impl<T> Page<T> {
    /// Returns whether there is a page after this one.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.number < self.num_pages
    }

    /// Returns whether there is a page before this one.
    #[must_use]
    pub fn has_previous(&self) -> bool {
        self.number > 1
    }

    /// Returns whether there is any other page.
    #[must_use]
    pub fn has_other_pages(&self) -> bool {
        self.has_next() || self.has_previous()
    }

    /// Returns the number of the page after this one.
    ///
    /// # Errors
    ///
    /// [`InvalidPage::EmptyPage`] if there is none.
    pub fn next_page_number(&self) -> Result<u64, InvalidPage> {
        let next = self.has_next().then(|| self.number.saturating_add(1));
        next.ok_or(InvalidPage::EmptyPage("that page contains no results"))
    }

    /// Returns the number of the page before this one.
    ///
    /// # Errors
    ///
    /// [`InvalidPage::EmptyPage`] if there is none.
    pub fn previous_page_number(&self) -> Result<u64, InvalidPage> {
        let previous = self.has_previous().then(|| self.number.saturating_sub(1));
        previous.ok_or(InvalidPage::EmptyPage("that page number is less than 1"))
    }

    /// Returns the place of the page's first item among all, from 1 on; 0 if there are none.
    #[must_use]
    pub fn start_index(&self) -> u64 {
        if self.count == 0 {
            return 0;
        }
        self.per_page.saturating_mul(self.number.saturating_sub(1)).saturating_add(1)
    }

    /// Returns the place of the page's last item among all.
    #[must_use]
    pub fn end_index(&self) -> u64 {
        if self.number >= self.num_pages { self.count } else { self.number.saturating_mul(self.per_page) }
    }

    /// Returns how many items are on the page.
    #[must_use]
    pub fn len(&self) -> usize {
        self.object_list.len()
    }

    /// Returns whether there is nothing on the page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.object_list.is_empty()
    }

    /// Goes through the items of the page.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.object_list.iter()
    }
}

/// Says which of how many, such as `<Page 3 of 3>`.
impl<T> fmt::Display for Page<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Page {} of {}>", self.number, self.num_pages)
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.object_list.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Page<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("Page", 10)?;
        page.serialize_field("object_list", &self.object_list)?;
        page.serialize_field("number", &self.number)?;
        page.serialize_field("count", &self.count)?;
        page.serialize_field("num_pages", &self.num_pages)?;
        page.serialize_field("start_index", &self.start_index())?;
        page.serialize_field("end_index", &self.end_index())?;
        page.serialize_field("has_next", &self.has_next())?;
        page.serialize_field("has_previous", &self.has_previous())?;
        page.serialize_field("next_page_number", &self.next_page_number().ok())?;
        page.serialize_field("previous_page_number", &self.previous_page_number().ok())?;
        page.end()
    }
}
