//! Checksums, as entity tags have them.

use md5::{Digest, Md5};

/// Returns the MD5 of bytes, in hexadecimal digits: an object's `ETag`.
pub(super) fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Writes bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        digits.extend(char::from_digit(u32::from(byte >> 4), 16));
        digits.extend(char::from_digit(u32::from(byte & 15), 16));
    }
    digits
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_checksum_is_that_of_rfc_1321() {
        assert_eq!(super::md5(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(super::md5(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
