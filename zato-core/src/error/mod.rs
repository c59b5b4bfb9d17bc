//! The one error type, its kinds, and the faults of an input.
//!
//! An [`Error`] has two messages: the one that the log gets, and the one that a remote caller may read. For a kind
//! that is the caller's own mistake they are the same; for every other kind the caller reads a constant sentence,
//! unless [`Error::with_public`] says otherwise.

mod fault;
mod kind;

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

pub use self::{
    fault::Fault,
    kind::{Kind, Retry},
};

/// What a service returns, with [`Error`] unless told otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error that can be a source.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The framework's error: a [`Kind`], a message, context, and the error that caused it.
///
/// It is one pointer wide, so a `Result` of it costs nothing on the way up. Like `anyhow::Error`, it converts from
/// every standard error and for that reason is none itself: `?` in a service just works, and gives
/// [`Kind::Internal`]. Where another kind is right, say so:
///
/// ```
/// use zato_core::{Error, Kind, Result};
///
/// fn account(number: &str) -> Result<u64> {
///     if number.is_empty() {
///         return Err(Error::invalid_input("the account number is empty"));
///     }
///     Ok(number.parse()?)
/// }
///
/// assert_eq!(account("").unwrap_err().kind(), Kind::InvalidInput);
/// let internal = account("x").unwrap_err();
/// assert_eq!(internal.kind(), Kind::Internal);
/// assert_eq!(internal.public_message(), "an error has occurred");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    public: Option<Cow<'static, str>>,
    /// Added on the way up, innermost first: `("service", "api.user")`.
    context: Vec<(&'static str, String)>,
    faults: Vec<Fault>,
    /// Where whoever made the error knows more than its kind tells.
    retry: Option<Retry>,
    retry_after: Option<Duration>,
    /// Shared, so that an error can be told to several who waited for the same.
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            public: None,
            context: Vec::new(),
            faults: Vec::new(),
            retry: None,
            retry_after: None,
            source: None,
        }))
    }

    /// The caller sent something that can't be used; it reads the message.
    pub fn invalid_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::InvalidInput, message)
    }

    /// The caller sent something that can't be used, in these places.
    ///
    /// ```
    /// use zato_core::{Error, Fault};
    ///
    /// let error = Error::faults(vec![Fault::new("/from", "is after /to")]);
    /// assert_eq!(error.to_string(), "the input can't be used: /from: is after /to");
    /// ```
    #[must_use]
    pub fn faults(faults: Vec<Fault>) -> Self {
        let mut error = Self::invalid_input("the input can't be used");
        error.0.faults = faults;
        error
    }

    /// What was asked for is not there; the caller reads the message.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// The caller may not do this; it reads the message.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// The state of things does not allow this now; the caller reads the message.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// We can't take this now; the message is for the log.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// A deadline passed; the message is for the log.
    pub fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Timeout, message)
    }

    /// A system that we called failed; the message is for the log.
    pub fn upstream(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Upstream, message)
    }

    /// A fault of ours; the message is for the log.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The configuration can't be used; the message is for whoever starts the program.
    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Config, message)
    }

    /// Returns what the caller does next about this.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns this level's message, without context and causes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what a remote caller may read.
    #[must_use]
    pub fn public_message(&self) -> &str {
        match &self.0.public {
            Some(public) => public,
            None if self.0.kind.is_callers() => &self.0.message,
            None => self.0.kind.public_text(),
        }
    }

    /// Returns everything that is wrong with the input, in the order found; empty if that is not what this is about.
    #[must_use]
    pub fn input_faults(&self) -> &[Fault] {
        &self.0.faults
    }

    /// Returns the key/value context, innermost first.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Returns the error that caused this one.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }

    /// Returns the first error of a type among the causes of this one, such as what another system said that went wrong.
    ///
    /// ```
    /// use zato_core::{BoxError, Error};
    ///
    /// let cause = Error::upstream("no answer").with_source(std::fmt::Error);
    /// let error = Error::internal("the report can't be made").with_source(BoxError::from(cause));
    /// assert_eq!(error.find::<std::fmt::Error>(), Some(&std::fmt::Error));
    /// assert!(error.find::<std::io::Error>().is_none());
    /// ```
    #[must_use]
    pub fn find<T: StdError + 'static>(&self) -> Option<&T> {
        let mut next = self.source();
        while let Some(cause) = next {
            if let Some(found) = cause.downcast_ref() {
                return Some(found);
            }
            next = cause.source();
        }
        None
    }

    /// Returns whether doing the same thing again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        let of_wait = self.0.retry_after.map(|_| Retry::Later);
        self.0.retry.or(of_wait).unwrap_or_else(|| self.0.kind.retry())
    }

    /// Returns how long to wait before trying again, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Sets what a remote caller reads instead of the kind's own sentence.
    #[must_use]
    pub fn with_public(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.public = Some(message.into());
        self
    }

    /// Adds what was being done, as a key and a value that may be logged.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Sets the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Says whether doing the same thing again can help, where that is known better than the kind tells.
    ///
    /// ```
    /// use zato_core::{Error, Retry};
    ///
    /// let error = Error::upstream("connection refused").with_retry(Retry::Unsent);
    /// assert_eq!(error.retry(), Retry::Unsent);
    /// ```
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = Some(retry);
        self
    }

    /// Says that trying again helps after this long.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Makes the same error once more, for another one who waited for what failed; they share its source.
    pub(crate) fn copy(&self) -> Self {
        let Inner { kind, message, public, context, faults, retry, retry_after, source } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            public: public.clone(),
            context: context.clone(),
            faults: faults.clone(),
            retry: *retry,
            retry_after: *retry_after,
            source: source.clone(),
        }))
    }

    /// Writes the message, the context and every cause on one line, as the log gets it.
    pub fn report(&self) -> impl fmt::Display {
        Report(self)
    }
}

struct Report<'a>(&'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        for (key, value) in self.0.context() {
            write!(f, " ({key}: {value})")?;
        }
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (position, fault) in self.0.faults.iter().enumerate() {
            write!(f, "{}{fault}", if position == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

/// What `main` prints when it returns this error: the report, not the parts.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.report())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(source: E) -> Self {
        // A layer of tower hands our own error on as a boxed one; it comes back as it was.
        let mut slot = Some(source);
        if let Some(standard) = (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<StandardError>>()
            && let Some(StandardError(error)) = standard.take()
        {
            return error;
        }
        // What is read from a stream of ours fails with an error of I/O that has our own in it.
        if let Some(Some(io)) = (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<std::io::Error>>()
            && let Some(ours) = io.get_mut().and_then(|inner| inner.downcast_mut::<StandardError>())
        {
            return std::mem::replace(&mut ours.0, Self::internal("taken out"));
        }
        let source = slot.expect("only an error of ours is taken out of the slot");
        Self::new(Kind::Internal, "unexpected error").with_source(source)
    }
}

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(StandardError(error))
    }
}

impl Error {
    /// Takes an error that a tower layer has boxed; one of ours comes back as it was.
    #[must_use]
    pub fn from_boxed(error: BoxError) -> Self {
        let foreign = |other| Self::new(Kind::Internal, "unexpected error").with_source(other);
        Self::try_from_boxed(error).unwrap_or_else(foreign)
    }

    /// Takes an error that was boxed, if it is one of ours.
    ///
    /// # Errors
    ///
    /// Any other, as it was.
    pub fn try_from_boxed(error: BoxError) -> Result<Self, BoxError> {
        error.downcast::<StandardError>().map(|ours| ours.0)
    }

    /// Returns the first error of ours among an error of a library and its causes, such as what a stream of ours failed
    /// with that the library was to send.
    ///
    /// ```
    /// use zato_core::{BoxError, Error, Kind};
    ///
    /// let library = std::io::Error::other(BoxError::from(Error::invalid_input("the client has gone")));
    /// assert_eq!(Error::find_in(&library).map(Error::kind), Some(Kind::InvalidInput));
    /// ```
    #[must_use]
    pub fn find_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(cause) = next {
            let ours = match cause.downcast_ref::<std::io::Error>() {
                // What it has in it is none of its causes.
                Some(io) => io.get_ref().and_then(|inner| inner.downcast_ref::<StandardError>()),
                None => cause.downcast_ref::<StandardError>(),
            };
            if let Some(StandardError(ours)) = ours {
                return Some(ours);
            }
            next = cause.source();
        }
        None
    }
}

/// Our error as a standard one, for the places that demand that.
struct StandardError(Error);

impl fmt::Display for StandardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for StandardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for StandardError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide_and_goes_anywhere() {
        fn goes_anywhere<T: Send + Sync + 'static>() {}
        goes_anywhere::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn the_report_has_every_level_and_the_display_one() {
        let error = Error::upstream("the CRM did not answer")
            .with("connection", "CRM")
            .with_source(std::io::Error::other("connection reset"));
        assert_eq!(error.to_string(), "the CRM did not answer");
        assert_eq!(error.report().to_string(), "the CRM did not answer (connection: CRM): connection reset");
        assert_eq!(error.public_message(), "another system that is needed for this failed");
        assert_eq!(error.retry(), Retry::Later);
    }

    #[test]
    fn what_is_known_of_trying_again_counts_more_than_the_kind() {
        let wait = Duration::from_secs(1);
        for (error, retry) in [
            (Error::internal("bug"), Retry::Never),
            (Error::internal("bug").with_retry_after(wait), Retry::Later),
            (Error::upstream("too long an answer").with_retry(Retry::Never), Retry::Never),
            (Error::upstream("connection refused").with_retry(Retry::Unsent).with_retry_after(wait), Retry::Unsent),
        ] {
            assert_eq!(error.retry(), retry, "{error}");
        }
    }

    #[test]
    fn an_error_survives_a_layer_that_boxes_it() {
        let boxed: BoxError = Error::not_found("no such client").into();
        let back = Error::from_boxed(boxed);
        assert_eq!((back.kind(), back.message()), (Kind::NotFound, "no such client"));
        let foreign: BoxError = std::io::Error::other("reset").into();
        assert_eq!(Error::try_from_boxed(foreign).unwrap_err().to_string(), "reset");
    }

    #[test]
    fn a_foreign_error_is_internal_and_stays_private() {
        let error = Error::from(std::io::Error::other("password=hunter2"));
        assert_eq!(error.kind(), Kind::Internal);
        assert_eq!(error.public_message(), "an error has occurred");
        assert_eq!(error.report().to_string(), "unexpected error: password=hunter2");
    }

    #[test]
    fn the_callers_own_mistake_is_told_to_it_unless_said_otherwise() {
        let error = Error::not_found("no client 7 in shard 3");
        assert_eq!(error.public_message(), "no client 7 in shard 3");
        assert_eq!(error.with_public("no such client").public_message(), "no such client");
    }
}
