//! Lists and sorted sets, page by page.

mod number;
mod page;
mod source;

use std::fmt;

use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use zato_core::{Error, Result};

pub use self::{
    number::{InvalidPage, PageNumber},
    page::Page,
    source::{List, Source, SourceType, ZSet},
};
use crate::{Redis, value};

/// Reads a list page by page.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{ListPaginator, Page, Redis};
///
/// async fn orders(redis: &Redis, number: &str) -> Result<Page<String>> {
///     ListPaginator::new(redis, "orders", 6).page(number).await
/// }
/// ```
pub type ListPaginator<'a> = RedisPaginator<'a, List>;

/// Reads a sorted set page by page, from the lowest score to the highest: all of it, or what has a score between two.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{Page, Redis, ZSetPaginator};
///
/// async fn cheapest(redis: &Redis) -> Result<Page<String>> {
///     ZSetPaginator::new(redis, "by-price", 6).score_max(100).page(1).await
/// }
/// ```
pub type ZSetPaginator<'a> = RedisPaginator<'a, ZSet>;

/// Reads what a key holds page by page. No page but the one that is asked for is read.
///
/// [`ListPaginator`] and [`ZSetPaginator`] know what the key holds; this one is told by a [`SourceType`].
///
/// The number of items is asked for once, so that one paginator gives pages that fit together. A change of what the key holds
/// is seen by the next paginator.
///
/// # Examples
///
/// ```
/// use zato_core::Result;
/// use zato_redis::{Page, Redis, RedisPaginator};
///
/// async fn some(redis: &Redis, source_type: &str) -> Result<Page<String>> {
///     RedisPaginator::of_type(redis, "orders", 6, source_type.parse()?).orphans(2).page(3).await
/// }
/// ```
#[derive(Clone)]
pub struct RedisPaginator<'a, S = SourceType> {
    redis: &'a Redis,
    key: String,
    per_page: u64,
    orphans: u64,
    allow_empty_first_page: bool,
    source: S,
    count: OnceCell<u64>,
}

impl<'a> RedisPaginator<'a, List> {
    /// Makes a paginator of a list. A page holds one item at least.
    #[must_use]
    pub fn new(redis: &'a Redis, key: &str, per_page: u64) -> Self {
        Self::over(redis, key, per_page, List)
    }
}

impl<'a> RedisPaginator<'a, ZSet> {
    /// Makes a paginator of a sorted set. A page holds one item at least.
    #[must_use]
    pub fn new(redis: &'a Redis, key: &str, per_page: u64) -> Self {
        Self::over(redis, key, per_page, ZSet::default())
    }

    /// Leaves out what has a lower score; `-inf` unless given. `(5` leaves out 5, too.
    #[must_use]
    pub fn score_min(mut self, score: impl fmt::Display) -> Self {
        self.source.min = Some(score.to_string());
        self
    }

    /// Leaves out what has a higher score; `+inf` unless given. `(5` leaves out 5, too.
    #[must_use]
    pub fn score_max(mut self, score: impl fmt::Display) -> Self {
        self.source.max = Some(score.to_string());
        self
    }
}

impl<'a> RedisPaginator<'a> {
    /// Makes a paginator of what is there by this type. A page holds one item at least.
    #[must_use]
    pub fn of_type(redis: &'a Redis, key: &str, per_page: u64, source_type: SourceType) -> Self {
        Self::over(redis, key, per_page, source_type)
    }
}

impl<'a, S: Source> RedisPaginator<'a, S> {
    fn over(redis: &'a Redis, key: &str, per_page: u64, source: S) -> Self {
        let (key, count) = (key.to_owned(), OnceCell::new());
        Self { redis, key, per_page, orphans: 0, allow_empty_first_page: true, source, count }
    }

    /// Has the last page join the one before if it would hold no more items than that; 0 unless given.
    #[must_use]
    pub fn orphans(mut self, items: u64) -> Self {
        self.orphans = items;
        self
    }

    /// Says whether there is a first page where there are no items; there is unless said otherwise.
    #[must_use]
    pub fn allow_empty_first_page(mut self, is_allowed: bool) -> Self {
        self.allow_empty_first_page = is_allowed;
        self
    }

    /// Returns how many items there are on all pages together.
    ///
    /// # Errors
    ///
    /// As [all verbs](Redis#errors), such as [`Internal`](zato_core::Kind::Internal) if the key holds something else
    /// (WRONGTYPE).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn count(&self) -> Result<u64> {
        let count = self.count.get_or_try_init(async || {
            let client = self.redis.client()?;
            let command = self.source.count(&client.settings.key_prefix, &self.key);
            self.redis.typed(self.redis.read(client, &command).await?)
        });
        count.await.copied()
    }

    /// Returns how many pages there are.
    ///
    /// # Errors
    ///
    /// As [`count`](Self::count); [`Internal`](zato_core::Kind::Internal) if a page is to hold no item.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn num_pages(&self) -> Result<u64> {
        self.pages_of(self.count().await?)
    }

    /// Returns the numbers of all pages, from 1 on.
    ///
    /// # Errors
    ///
    /// As [`num_pages`](Self::num_pages).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn page_range(&self) -> Result<std::ops::RangeInclusive<u64>> {
        Ok(1..=self.num_pages().await?)
    }

    /// Reads a page by its number, from 1 on: a number, or a text such as a parameter of a request.
    ///
    /// # Errors
    ///
    /// With [`InvalidPage`] as their cause: [`InvalidInput`](zato_core::Kind::InvalidInput) if that is no whole number, and
    /// [`NotFound`](zato_core::Kind::NotFound) if there is no such page. [`Upstream`](zato_core::Kind::Upstream) if an item
    /// is not what was asked for. Otherwise as [`num_pages`](Self::num_pages).
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time.
    pub async fn page<T: DeserializeOwned>(&self, number: impl Into<PageNumber>) -> Result<Page<T>> {
        let number = number.into().read().map_err(InvalidPage::into_error)?;
        let count = self.count().await?;
        let num_pages = self.pages_of(count)?;
        let is_first_of_nothing = number == 1 && self.allow_empty_first_page;
        if number > num_pages && !is_first_of_nothing {
            return Err(InvalidPage::EmptyPage("that page contains no results").into_error());
        }
        let bottom = number.saturating_sub(1).saturating_mul(self.per_page);
        let top = bottom.saturating_add(self.per_page);
        let top = if top.saturating_add(self.orphans) >= count { count } else { top };
        let object_list = if top > bottom { self.items(bottom, top).await? } else { Vec::new() };
        Ok(Page { object_list, number, count, num_pages, per_page: self.per_page })
    }

    fn pages_of(&self, count: u64) -> Result<u64> {
        if self.per_page == 0 {
            return Err(Error::internal("a page holds one item at least").with("key", &self.key));
        }
        if count == 0 && !self.allow_empty_first_page {
            return Ok(0);
        }
        Ok(count.saturating_sub(self.orphans).max(1).div_ceil(self.per_page))
    }

    async fn items<T: DeserializeOwned>(&self, bottom: u64, top: u64) -> Result<Vec<T>> {
        let client = self.redis.client()?;
        let command = self.source.slice(&client.settings.key_prefix, &self.key, bottom, top);
        let answers: Vec<Vec<u8>> = self.redis.typed(self.redis.read(client, &command).await?)?;
        let read = |bytes: Vec<u8>| value::from_bytes(&bytes);
        let items: Result<Vec<T>> = answers.into_iter().map(read).collect();
        items.map_err(|error| self.redis.about(error.with("key", &self.key)))
    }
}

impl<S: fmt::Debug> fmt::Debug for RedisPaginator<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPaginator")
            .field("connection", &self.redis.name())
            .field("key", &self.key)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
