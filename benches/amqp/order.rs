//! A document of some 1 KB, as a struct and as a model.

use serde::{Deserialize, Serialize};
use zato::model;

/// An order as people would declare it without zato.
#[derive(Deserialize, Serialize)]
pub(crate) struct Order {
    number: u32,
    placed: String,
    customer: String,
    lines: Vec<Line>,
    total: f64,
}

#[derive(Deserialize, Serialize)]
struct Line {
    position: u32,
    code: String,
    title: String,
    quantity: i32,
    price: f64,
}

/// The same order as a model.
#[model]
pub(crate) struct OrderModel {
    number: u32,
    placed: String,
    customer: String,
    lines: Vec<LineModel>,
    total: f64,
}

#[model]
pub(crate) struct LineModel {
    position: u32,
    code: String,
    title: String,
    quantity: i32,
    price: f64,
}

macro_rules! make {
    ($number:expr, $order:ident, $line:ident) => {
        $order {
            number: $number,
            placed: "2026-03-14T09:26:53Z".to_owned(),
            customer: "Jane Doe, Große Straße 7, Münster".to_owned(),
            lines: (1..=9)
                .map(|position| $line {
                    position,
                    code: format!("ZT-{:05}", 7000 + position * 13),
                    title: format!("Galvanised bracket, \"wide\" {position}"),
                    quantity: 3,
                    price: f64::from(position) * 3.5 + 0.25,
                })
                .collect(),
            total: 161.75,
        }
    };
}

impl Order {
    pub(crate) fn new(number: u32) -> Self {
        make!(number, Self, Line)
    }

    /// Whether it is one that was sent, for whoever takes it.
    pub(crate) fn is_good(&self) -> bool {
        self.lines.len() == 9
    }
}

impl OrderModel {
    pub(crate) fn new(number: u32) -> Self {
        make!(number, Self, LineModel)
    }

    /// Whether it is one that was sent, for whoever takes it.
    pub(crate) fn is_good(&self) -> bool {
        self.lines.len() == 9
    }
}
