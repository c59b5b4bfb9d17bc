//! What is wrong with rows, in the words of a spreadsheet.

use std::{borrow::Cow, collections::HashSet};

use super::{
    asked::Asked,
    records::{Next, Records, Row},
};
use crate::{
    error::Fault,
    model::{MAX_FAULTS, Model, Overlay, Tree, decode_cells},
};

/// The faults that were found so far.
#[derive(Default)]
pub(super) struct Found {
    faults: Vec<Fault>,
    /// What is the same for every row is told once.
    seen: HashSet<(String, Cow<'static, str>)>,
}

impl Found {
    pub(super) fn push(&mut self, fault: Fault) {
        if !self.is_full() && self.seen.insert((fault.path.clone(), fault.detail.clone())) {
            self.faults.push(fault);
        }
    }

    fn is_full(&self) -> bool {
        self.faults.len() >= MAX_FAULTS
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}

/// Finds what is wrong with an input, one row after the other, so that no more than a row is in memory beside it.
pub(super) fn of_table<T: Model>(mut records: Records, mut input: &[u8], overlay: Overlay<'_>) -> Vec<Fault> {
    let (asked, mut found, mut rows) = (Asked::of::<T>(), Found::default(), 0_u64);
    while !found.is_full() {
        match records.next(&mut input, true) {
            Err(fault) => found.push(fault),
            Ok(Next::Row) => {
                rows += 1;
                if rows > 1 && !asked.is_list {
                    found.push(Fault::new(records.place(), "there is more than one row, and one is expected"));
                    break;
                }
                of_row::<T>(&records, asked, overlay, &mut found);
            }
            Ok(Next::Wait | Next::End) => break,
        }
    }
    if rows == 0 && !asked.is_list && found.faults.is_empty() {
        found.push(Fault::new("", "there is no row, and one is expected"));
    }
    found.into_faults()
}

/// Reads all rows at once, for a type that can't be read row by row as they come.
///
/// # Errors
///
/// Everything that does not fit.
pub(super) fn whole<T: Model>(
    mut records: Records,
    mut input: &[u8],
    overlay: Overlay<'_>,
    is_lenient: bool,
) -> Result<T, Vec<Fault>> {
    let (asked, mut rows) = (Asked::of::<T>(), Vec::new());
    while let Next::Row = records.next(&mut input, true).map_err(|fault| vec![fault])? {
        rows.push(owned_tree(&records, asked, overlay)?);
    }
    if asked.is_list {
        return decode_cells::<T>(&Tree::List(rows), is_lenient);
    }
    let unreadable = || vec![Fault::new("", "the CSV has nothing that can be read as what is expected")];
    decode_cells::<T>(rows.first().ok_or_else(unreadable)?, is_lenient)
}

/// Reads the row that was found last, for a type that can't be read as its cells come.
///
/// # Errors
///
/// Everything that does not fit.
pub(super) fn whole_row<T: Model>(records: &Records, overlay: Overlay<'_>, is_lenient: bool) -> Result<T, Vec<Fault>> {
    decode_cells::<T>(&owned_tree(records, Asked::of::<T>(), overlay)?, is_lenient)
}

/// Returns the row that was found last, with parameters laid over it, for longer than it is the last.
fn owned_tree(records: &Records, asked: Asked, overlay: Overlay<'_>) -> Result<Tree<'static>, Vec<Fault>> {
    let row = records.row().map_err(|fault| vec![fault])?;
    Ok(overlay.laid_over(tree_of(row, records.header(), asked.fields)).into_owned())
}

/// Finds what is wrong with the row that was found last, when it is read as a `T`: one of it, or a list with it alone.
pub(super) fn of_row<T: Model>(records: &Records, asked: Asked, overlay: Overlay<'_>, found: &mut Found) {
    let row = match records.row() {
        Ok(row) => row,
        Err(fault) => return found.push(fault),
    };
    let tree = overlay.laid_over(tree_of(row, records.header(), asked.fields));
    let tree = if asked.is_list { Tree::List(vec![tree]) } else { tree };
    for fault in decode_cells::<T>(&tree, T::COERCE).err().unwrap_or_default() {
        found.push(placed(fault, records, asked, overlay));
    }
}

fn tree_of<'r>(row: Row<'r>, header: Option<&[String]>, fields: &[&str]) -> Tree<'r> {
    let text = |value: &'r str| Tree::Text(vec![Cow::Borrowed(value)]);
    match header {
        Some(header) => Tree::Map(header.iter().cloned().zip(row.iter().map(text)).collect()),
        None if fields.is_empty() => Tree::List(row.iter().map(text).collect()),
        None => Tree::Map(fields.iter().map(ToString::to_string).zip(row.iter().map(text)).collect()),
    }
}

/// Says where a fault is, which was found by a JSON Pointer into the row.
fn placed(fault: Fault, records: &Records, asked: Asked, overlay: Overlay<'_>) -> Fault {
    let path = if asked.is_list { fault.path.strip_prefix("/0").unwrap_or(&fault.path) } else { &fault.path };
    let Some(column) = path.strip_prefix('/').and_then(|path| path.split('/').next()) else {
        return Fault { path: records.place(), ..fault };
    };
    let column = column.replace("~1", "/").replace("~0", "~");
    let is_column = records.header().is_none_or(|header| header.contains(&column));
    let is_param = overlay.params.iter().any(|param| param.name == column);
    let path = match (is_param, records.header()) {
        (true, _) => format!("/{column}"),
        // What the header has not is missing in every row.
        (false, Some(header)) if !is_column || is_doubled(header, &column) => format!("row 1, column \"{column}\""),
        _ => format!("{}, column \"{column}\"", records.place()),
    };
    Fault { path, ..fault }
}

fn is_doubled(header: &[String], column: &str) -> bool {
    header.iter().filter(|name| *name == column).count() > 1
}
