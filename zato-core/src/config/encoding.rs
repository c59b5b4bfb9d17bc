//! Bytes to text, and how much of it may be read.

use crate::config::yaml::{MAX_BYTES, too_large};
use crate::config::{ConfigFault, Origin};

/// Gives the text of a file's bytes, which must be UTF-8.
pub(super) fn decoded<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, ConfigFault> {
    if bytes.len() > MAX_BYTES {
        return Err(ConfigFault::at(&Origin::start_of(file), too_large()));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let before = std::str::from_utf8(valid).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let origin = Origin::new(file, narrow(before.matches('\n').count() + 1), narrow(line.chars().count() + 1));
        ConfigFault::at(&origin, "this is not UTF-8; save the file with that encoding")
    })
}

/// Refuses a text that is too large, and takes away its byte order mark.
pub(super) fn unmarked<'a>(file: &str, text: &'a str) -> Result<&'a str, ConfigFault> {
    if text.len() > MAX_BYTES {
        return Err(ConfigFault::at(&Origin::start_of(file), too_large()));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Lines and columns are below [`MAX_BYTES`], so this never saturates.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
