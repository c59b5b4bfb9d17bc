use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    format,
    message::{Format, FormatOptions},
    model::{Decimal, Hinted, Model, ObjectOnly},
};

/// Makes a struct a model whose hints are written as the macro writes them.
macro_rules! model {
    ($(#[$meta:meta])* struct $name:ident = $hints:literal { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(remote = "Self")]
        $(#[$meta])*
        struct $name { $($(#[$field_meta])* $field: $ty,)* }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, Hinted::new(serializer, Self::HINTS))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(ObjectOnly::new(deserializer, Self::HINTS))
            }
        }

        impl Model for $name {
            const NAME: &'static str = stringify!($name);
            const HINTS: &'static str = concat!(stringify!($name), $hints);

            fn __made_by_the_macro() {}
        }
    };
}

model! {
    struct Phone = "" {
        name: String,
        number: u32,
    }
}

model! {
    struct Order = "\u{1f}\u{1f}name=order\u{1f}currency\u{1f}attribute\u{1f}rate\u{1f}name=Rate\u{1f}phones\u{1f}item=phone" {
        currency: String,
        rate: Decimal,
        phone_list: Vec<Phone>,
        #[serde(default)]
        phones: Vec<Phone>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    }
}

fn read<T: Model>(xml: &str) -> Result<T, String> {
    format::read(Format::Xml, xml.as_bytes())
        .map_err(|error| error.to_string().replace("the input can't be used: ", ""))
}

fn write<T: Model>(value: &T) -> String {
    let mut options = FormatOptions::default();
    options.xml.declaration = false;
    String::from_utf8(format::write(Format::Xml, &options, value).unwrap().0.to_vec()).unwrap()
}

fn order() -> Order {
    Order {
        currency: "EUR".to_owned(),
        rate: "1.25".parse().unwrap(),
        phone_list: vec![Phone { name: "a & b".to_owned(), number: 1 }, Phone { name: String::new(), number: 2 }],
        phones: vec![Phone { name: "c".to_owned(), number: 3 }],
        note: None,
    }
}

const ORDER: &str = "<order currency=\"EUR\"><Rate>1.25</Rate>\
    <phone_list><name>a &amp; b</name><number>1</number></phone_list>\
    <phone_list><name/><number>2</number></phone_list>\
    <phones><phone><name>c</name><number>3</number></phone></phones></order>";

#[test]
fn a_model_says_what_it_looks_like() {
    assert_eq!(write(&order()), ORDER);
    assert_eq!(read::<Order>(ORDER), Ok(order()));
}

#[test]
fn elements_may_come_in_any_order_with_whatever_between_them() {
    let xml = "<?xml version='1.0'?><!-- x --><o:order currency='EUR' xmlns:o='urn:o' o:x='1' xml:lang='pl'>
        <phones><phone><name><![CDATA[c]]></name><number> 3 </number></phone><other/></phones>
        <phone_list><number>1</number><name>a <!-- - -->&#38;<![CDATA[ ]]>b</name></phone_list>
        <unknown><phone_list/></unknown>
        <Rate>1.25</Rate>
        <o:phone_list><name></name><number>2</number></o:phone_list>
        <?target x?>
    </o:order>";
    let said = "/order/phone_list: given more than once";
    assert_eq!(read::<Order>(xml), Err(said.to_owned()), "a list is of one namespace");
    assert_eq!(read::<Order>(&xml.replace("o:phone_list", "phone_list")), Ok(order()));
}

#[test]
fn every_fault_is_told_with_its_xpath() {
    let xml = "<order><Rate>x</Rate><phone_list><name/><number>-1</number></phone_list>\
        <phone_list><number><a/></number></phone_list><phones>\
        <phone><name/><number>1</number></phone><phone>text</phone></phones></order>";
    assert_eq!(
        read::<Order>(xml).unwrap_err().split("; ").collect::<Vec<_>>(),
        [
            "/order/Rate: expected a decimal number of at most 28 digits, which the text is not",
            "/order/phone_list[1]/number: expected an integer from 0 to 4294967295, which the text is not",
            "/order/phone_list[2]/number: expected text, got elements",
            "/order/phone_list[2]/name: missing",
            "/order/phones/phone[2]: expected elements, got text",
            "/order/@currency: missing",
        ]
    );
    assert_eq!(read::<Order>("<rates/>"), Err("/rates: expected the element order".to_owned()));
}
