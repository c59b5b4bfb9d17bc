//! From elements to models.

mod entries;
mod faults;
mod fields;
mod hinted;
mod keys;
mod list;
mod notes;
mod place;
mod text;
mod variant;

use serde::Deserialize;

use self::{
    hinted::HintCache,
    notes::{Notes, Step},
    place::{Many, Place, Reader},
};
use super::Element;
use crate::{
    error::{Error, Fault, Result},
    model::{Model, Overlay, Path, Reading, Tree, TreeError, all_faults_of, is_valid},
};

/// Reads a model from an element, whatever that is called.
///
/// Elements go into fields by their local names, in any order; what the model says of them (`#[model(xml(...))]`) counts:
/// attributes, text, names, namespaces. A namespace, if one is given, is that of the elements whose model names none; else
/// any will do.
///
/// ```
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Order { id: u32, line: Vec<String>, note: Option<String> }
/// # impl zato_core::model::Model for Order { const NAME: &'static str = "Order"; fn __made_by_the_macro() {} }
/// use zato_core::format::xml::{Document, read_element};
///
/// let document = Document::parse("<body><order><line>A</line><id>7</id><line>B</line></order></body>")?;
/// let order: Order = read_element(document.root().child("order").unwrap(), None)?;
/// assert_eq!((order.id, order.line, order.note), (7, vec!["A".to_owned(), "B".to_owned()], None));
///
/// let document = Document::parse("<order><id>x</id></order>")?;
/// let error = read_element::<Order>(document.root(), None).err().unwrap();
/// assert_eq!(error.input_faults()[1].to_string(), "/order/line: missing");
/// # Ok::<(), zato_core::Error>(())
/// ```
///
/// # Errors
///
/// [`InvalidInput`](crate::Kind::InvalidInput) with everything that does not fit; the places are XPaths that begin at the
/// element.
pub fn read_element<T: Model>(element: Element<'_>, namespace: Option<&str>) -> Result<T> {
    read(element, namespace, Overlay::default(), false).map_err(Error::faults)
}

/// Reads a model from an element and the parameters of its message.
///
/// # Errors
///
/// Everything that does not fit.
pub(in crate::format) fn read<T: Model>(
    element: Element<'_>,
    namespace: Option<&str>,
    overlay: Overlay<'_>,
    checks_name: bool,
) -> Result<T, Vec<Fault>> {
    let params: Vec<_> =
        overlay.params.iter().map(|param| (param.name.as_ref(), Tree::Text(param.values.clone()))).collect();
    let hints = HintCache::default();
    let read = |reading: &Reading, in_words: bool, notes: Option<&Notes>| -> Result<T, TreeError> {
        let reader = Reader { reading, hints: &hints, in_words, params: &params, priority: overlay.priority, notes };
        let path = Path::Element(&Path::Root, element.name(), 0);
        let place = Place { element, path, reader: &reader, namespace, many: Many::Root { checks_name } };
        reader.within(&path, || place.seen(Step::Same, false), || T::deserialize(place))
    };
    let reading = Reading::of(T::COERCE);
    if let Ok(value) = read(&reading, false, None)
        && is_valid(&value)
    {
        return Ok(value);
    }
    // Once more with the words that a caller reads, which cost too much to have them ready in case.
    let complete = |value: Option<&T>, reading: &Reading, found: &mut Vec<_>| {
        faults::complete(value, reading, found, |notes| drop(read(reading, true, Some(notes))));
    };
    all_faults_of(element.size(), reading, |reading| read(reading, true, None), complete)
}

/// Reads an element as data of no type.
pub(super) fn tree_of<'t>(element: Element<'_>) -> Result<Tree<'t>, TreeError> {
    let (reading, hints) = (Reading::of(false), HintCache::default());
    let priority = crate::message::ParamsPriority::default();
    let reader = Reader { reading: &reading, hints: &hints, in_words: true, params: &[], priority, notes: None };
    let path = Path::Element(&Path::Root, element.name(), 0);
    Tree::deserialize(Place {
        element,
        path,
        reader: &reader,
        namespace: None,
        many: Many::Root { checks_name: false },
    })
}
