//! Which characters XML has, and what names are made of (XML 1.0, fifth edition, §2.2 and §2.3; Namespaces 1.0 §3).

/// Whether XML can carry a character at all, as itself or as a reference.
pub(super) fn is_character(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

/// Whether a byte is one of the four that count as white space.
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Returns where the first character stands that XML can't carry.
pub(super) fn first_that_is_none(text: &str) -> Option<usize> {
    const CHUNK: usize = 64;
    let bytes = text.as_bytes();
    for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
        // Without a branch, so that a chunk takes a handful of instructions.
        let is_suspicious = chunk.iter().fold(false, |found, &byte| {
            found | ((byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')) | (byte == 0xef)
        });
        if !is_suspicious {
            continue;
        }
        let wrong = |at: &usize| match bytes.get(*at..) {
            // U+FFFE and U+FFFF.
            Some([0xef, second, third, ..]) => *second == 0xbf && *third >= 0xbe,
            Some([byte, ..]) => *byte < b' ' && !is_white(*byte),
            _ => false,
        };
        if let Some(at) = (number * CHUNK..number * CHUNK + chunk.len()).find(wrong) {
            return Some(at);
        }
    }
    None
}

/// Returns how many bytes at the beginning of a text are a name without a colon; 0 if it begins with none.
pub(super) fn name_length(text: &str) -> usize {
    let fits = |at: usize, byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
        b'0'..=b'9' | b'-' | b'.' => at > 0,
        _ => false,
    };
    match text.bytes().enumerate().find(|(at, byte)| !fits(*at, *byte)) {
        Some((at, byte)) if byte.is_ascii() => at,
        Some((at, _)) => at + other_length(text.get(at..).unwrap_or_default(), at == 0),
        None => text.len(),
    }
}

/// Whether a text is a name without a colon.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && name_length(text) == text.len()
}

/// Goes on with a name that has a character beyond ASCII in it.
fn other_length(text: &str, mut is_first: bool) -> usize {
    let end = text.char_indices().find(|(_, character)| {
        let fits = if is_first { begins_name(*character) } else { is_in_name(*character) };
        is_first = false;
        !fits
    });
    end.map_or(text.len(), |(at, _)| at)
}

fn begins_name(character: char) -> bool {
    matches!(character,
        'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn is_in_name(character: char) -> bool {
    begins_name(character)
        || matches!(character,
            '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_the_standard_says() {
        for (text, length) in [
            ("a", 1),
            ("_a-b.c1 d", 7),
            ("1a", 0),
            ("-a", 0),
            ("", 0),
            ("a:b", 1),
            ("żółć=", 8),
            ("a\u{b7}b", 4),
            ("\u{b7}b", 0),
            ("a\u{d7}b", 1),
            ("日本 x", 6),
            ("\u{fffe}", 0),
        ] {
            assert_eq!(name_length(text), length, "{text:?}");
        }
    }

    #[test]
    fn characters_that_xml_has_not_are_found_wherever_they_stand() {
        for before in [0, 1, 62, 63, 64, 127, 200] {
            for wrong in ["\0", "\u{1f}", "\u{b}", "\u{fffe}", "\u{ffff}"] {
                let text = format!("{}{wrong}\t\n\r é\u{feff}", "x".repeat(before));
                assert_eq!(first_that_is_none(&text), Some(before), "{wrong:?} after {before}");
            }
        }
        assert_eq!(first_that_is_none(&"a\t\r\né\u{feff}\u{fffd}\u{10ffff}\u{7f}\u{80}".repeat(20)), None);
    }
}
