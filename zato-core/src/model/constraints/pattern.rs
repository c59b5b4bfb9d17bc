/// A regular expression of a model, compiled when it is first needed.
#[derive(Debug)]
pub struct Pattern {
    text: &'static str,
    #[cfg(feature = "validation")]
    compiled: std::sync::OnceLock<Option<regex::Regex>>,
}

impl Pattern {
    /// Takes the text of a regular expression, which the macro has looked at.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            #[cfg(feature = "validation")]
            compiled: std::sync::OnceLock::new(),
        }
    }

    /// Returns its text.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.text
    }

    /// Whether it is found in a text; none if it would take too much memory to be compiled.
    #[cfg(feature = "validation")]
    pub(super) fn is_in(&self, text: &str) -> Option<bool> {
        let compiled = self.compiled.get_or_init(|| {
            let compiled = regex::Regex::new(self.text);
            if let Err(error) = &compiled {
                tracing::error!(pattern = self.text, %error, "a pattern of a model can't be compiled");
            }
            compiled.ok()
        });
        Some(garde::rules::pattern::apply(&text, (compiled.as_ref()?,)).is_ok())
    }
}
