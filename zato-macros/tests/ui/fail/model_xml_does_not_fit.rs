//! What is said of XML, where no XML looks like that.

use zato::model;

#[model(xml(name = "r:rates", attribute))]
pub struct Rates {
    #[model(xml(attribute))]
    pub days: Vec<u32>,
    #[model(xml(item = "source"))]
    pub source: String,
    #[model(xml(name))]
    pub name: String,
}

#[model]
pub struct Rate {
    #[model(xml(text))]
    pub value: String,
    pub currency: String,
}

#[model]
pub struct Flattened {
    #[model(xml(attribute))]
    pub currency: String,
    #[serde(flatten)]
    pub rate: Rate,
}

#[model]
pub enum Either {
    #[model(xml(name = "a"))]
    A,
    B {
        #[model(xml(attribute))]
        currency: String,
    },
}

fn main() {}
