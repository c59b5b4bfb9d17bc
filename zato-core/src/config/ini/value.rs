//! What stands after an equals sign.

use super::STYLE;
use super::line::{Line, Lines};
use crate::config::{ConfigFault, Node, NodeKind, Origin};

/// What three quotes are, which begin a text of several lines.
const TRIPLE: [&str; 2] = ["\"\"\"", "'''"];

/// Reads a value, which may go on over further lines.
pub(super) fn read<'a>(line: &mut Line<'a>, lines: &mut Lines<'a>) -> Result<Node, ConfigFault> {
    line.skip_blanks();
    let origin = line.place();
    if let Some(quotes) = TRIPLE.into_iter().find(|quotes| line.rest().starts_with(quotes)) {
        let text = long_text(line, lines, quotes)?;
        return Ok(scalar(origin, text));
    }
    let (mut items, mut is_list) = (Vec::new(), false);
    while let Some(item) = item(line, items.is_empty())? {
        items.push(item);
        line.skip_blanks();
        if line.take(',') {
            is_list = true;
            continue;
        }
        line.end("after the closing quote; quote all of the value")?;
        break;
    }
    if is_list {
        return Ok(Node::new(origin, NodeKind::List(items)));
    }
    if line.take(',') {
        line.end("after a comma without an item before it; quote an empty item")?;
        return Ok(Node::new(origin, NodeKind::List(Vec::new())));
    }
    Ok(items.pop().unwrap_or_else(|| scalar(origin, String::new())))
}

/// Reads one item of a list, or the only one; none where the line ends, or a comma stands before everything.
fn item(line: &mut Line<'_>, is_first: bool) -> Result<Option<Node>, ConfigFault> {
    line.skip_blanks();
    let origin = line.place();
    let text = match line.peek() {
        None | Some('#') => return Ok(None),
        Some(',') if is_first => return Ok(None),
        Some(',') => {
            return Err(ConfigFault::at(&origin, "an item is missing between two commas; write \"\" for an empty one"));
        }
        Some('"' | '\'') => line.quoted()?,
        Some(_) => line.until(&[',', '#']).trim_end(),
    };
    Ok(Some(scalar(origin, text.to_owned())))
}

/// Reads a text between three quotes, as it stands there.
fn long_text<'a>(line: &mut Line<'a>, lines: &mut Lines<'a>, quotes: &str) -> Result<String, ConfigFault> {
    let start = line.place();
    line.advance(quotes.len());
    let mut text = String::new();
    loop {
        if let Some(length) = line.rest().find(quotes) {
            text.push_str(line.advance(length));
            break;
        }
        text.push_str(line.rest());
        text.push('\n');
        let Some(next) = lines.next() else {
            let message = format!("this text is not closed; write {quotes} after it");
            return Err(ConfigFault::at(&start, message));
        };
        *line = next;
    }
    line.advance(quotes.len());
    line.end("after the closing quotes; give it a line of its own")?;
    Ok(text)
}

fn scalar(origin: Origin, text: String) -> Node {
    Node::new(origin, NodeKind::Scalar { text, style: STYLE })
}
