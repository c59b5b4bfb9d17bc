use std::collections::BTreeMap;

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Document;
use crate::{
    Fault, Value, format,
    message::{Format, FormatOptions},
    model::{
        Decimal, Hinted, Model, ObjectOnly,
        constraints::{Checks, custom},
    },
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

fn malformed(xml: &str) -> String {
    let error = Document::parse(xml.to_owned()).map(|_| ()).unwrap_err().to_string();
    error.strip_prefix("the input can't be used: malformed XML: ").expect("it is malformed").to_owned()
}

#[test]
fn what_is_no_xml_is_told_with_its_place() {
    for (xml, said) in [
        ("", "no element at line 1 column 1"),
        ("<!-- -->", "no element at line 1 column 9"),
        ("x<a/>", "text outside of the root element at line 1 column 1"),
        ("<a/>\n &#32;", "text outside of the root element at line 2 column 2"),
        ("<a/><b/>", "a second root element at line 1 column 5"),
        ("<a>\r\n<b>\ré</a></b></a>", "an end tag of another element than the one that is open at line 3 column 2"),
        ("<a>", "an element without its end tag at line 1 column 4"),
        ("</a>", "an end tag without an element that is open at line 1 column 1"),
        ("<a><b></a ></a>", "an end tag of another element than the one that is open at line 1 column 7"),
        ("<a", "tag not closed: `>` not found before end of input at line 1 column 1"),
        ("<a b=1/>", "an attribute without a value in quotes at line 1 column 4"),
        ("<a b/>", "an attribute without a value in quotes at line 1 column 4"),
        ("<a b='1'c='2'/>", "no white space before an attribute at line 1 column 9"),
        ("<a b='1' b='2'/>", "an attribute given more than once at line 1 column 10"),
        ("<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>", "an attribute given more than once at line 1 column 35"),
        ("<a b='<'/>", "`<` in the value of an attribute at line 1 column 7"),
        ("<a b='&x;'/>", "an entity that is not one of amp, lt, gt, apos, quot or a number at line 1 column 7"),
        ("<a>&nbsp;</a>", "an entity that is not one of amp, lt, gt, apos, quot or a number at line 1 column 4"),
        ("<a>&#0;</a>", "the number of a character that XML does not have at line 1 column 4"),
        ("<a>&#xD800;</a>", "the number of a character that XML does not have at line 1 column 4"),
        ("<a>&#99999999999999999999;</a>", "the number of a character that XML does not have at line 1 column 4"),
        ("<a>&#;</a>", "an entity that is not one of amp, lt, gt, apos, quot or a number at line 1 column 4"),
        ("<a>&#+1;</a>", "an entity that is not one of amp, lt, gt, apos, quot or a number at line 1 column 4"),
        ("<a>&</a>", "`&` that begins no entity at line 1 column 4"),
        ("<a>]]></a>", "`]]>` in text at line 1 column 4"),
        ("<a><!-- -- --></a>", "`--` in a comment at line 1 column 9"),
        ("<a>\u{1}</a>", "a character that XML does not have at line 1 column 4"),
        ("<1/>", "a name that is none in XML at line 1 column 2"),
        ("<a:/>", "a name that is none in XML at line 1 column 2"),
        ("<:a/>", "a name that is none in XML at line 1 column 2"),
        ("<a:b:c/>", "a name that is none in XML at line 1 column 2"),
        ("<a:b/>", "a prefix that is not declared at line 1 column 2"),
        ("<a><b xmlns:p='u'/><p:b/></a>", "a prefix that is not declared at line 1 column 21"),
        ("<a xmlns:p=''/>", "a prefix declared for no namespace at line 1 column 4"),
        ("<a xmlns:xmlns='u'/>", "a namespace of XML itself declared at line 1 column 4"),
        ("<a xmlns:xml='u'/>", "the prefix `xml` declared for another namespace at line 1 column 4"),
        (" <?xml version='1.0'?><a/>", "an XML declaration after the beginning at line 1 column 2"),
        ("<?xml?><a/>", "an XML declaration of the wrong form at line 1 column 1"),
        ("<?XML x?><a/>", "a processing instruction with the name of the XML declaration at line 1 column 3"),
        ("<? x?><a/>", "a processing instruction without a name at line 1 column 3"),
        ("<!DOCTYPE a><a/>", "a DOCTYPE, which is not taken at line 1 column 1"),
        ("<a/><!doctype a []", "a DOCTYPE, which is not taken at line 1 column 5"),
        ("<a><!ELEMENT a ANY></a>", "unknown or missed symbol in markup at line 1 column 4"),
    ] {
        assert_eq!(malformed(xml), said, "{xml}");
    }
}

#[test]
fn bombs_are_refused_or_cost_what_their_length_does() {
    let many = |one: fn(usize) -> String| (0..100_000).map(one).collect::<String>();
    for (xml, said) in [
        (format!("<a {}/>", many(|number| format!("a{number}='' "))), "more than 512 attributes"),
        (format!("<a {}/>", many(|number| format!("xmlns:a{number}='u' "))), "more than 512 attributes"),
        ("<a>".repeat(100_000), "elements nested more than 128 deep"),
        (format!("<{}/>", "a".repeat(1025)), "a name of more than 1024 bytes"),
        (
            "<!DOCTYPE a [<!ENTITY b \"lol\"><!ENTITY c \"&b;&b;&b;&b;\">]><a>&c;</a>".to_owned(),
            "a DOCTYPE, which is not taken",
        ),
        (
            format!(
                "<a {0}><b {1}/></a>",
                "xmlns:p='u'",
                (0..256).map(|n| format!("xmlns:q{n}='u' ")).collect::<String>()
            ),
            "more than 256 namespaces declared",
        ),
    ] {
        let refused = malformed(&xml);
        assert!(refused.starts_with(said), "{refused}");
    }
    let names = format!("<a>{}</a>", many(|number| format!("<a{number}/>")));
    assert_eq!(read::<Value>(&names).map(|value| value.as_object().map(serde_json::Map::len)), Ok(Some(100_000)));
    assert!(read::<Order>(&names).unwrap_err().starts_with("/a: expected the element order"));
    let declared = format!("<a>{}</a>", many(|number| format!("<b xmlns:p{number}='u'/>")));
    assert_eq!(Document::parse(declared).unwrap().root().children().count(), 100_000);
    let pieces = format!("<a>{}</a>", "&amp;<!---->".repeat(100_000));
    assert_eq!(Document::parse(pieces).unwrap().root().text().len(), 100_000);
}

#[test]
fn a_document_is_what_it_says() {
    let xml = "\u{feff}<?xml version=\"1.0\"?>\n<a:r xmlns:a='urn:a' xmlns='urn:d' b=' x&#10;y\r\n\tz ' a:b='2'>\r\n\
        one<![CDATA[<&\r]]>&lt;two\r<c xmlns='' xmlns:n='urn:&amp;'><n:d xsi:nil=' true ' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'/></c>\
        <e>n:x</e>three</a:r>";
    let document = Document::parse(xml).unwrap();
    let root = document.root();
    assert_eq!((root.name(), root.namespace()), ("r", Some("urn:a")));
    assert_eq!((root.attribute("b"), root.attribute_in("urn:a", "b")), (Some(" x\ny  z "), Some("2")));
    assert_eq!(root.text(), "\none<&\n<two\nthree");
    let [c, e] = root.children().collect::<Vec<_>>()[..] else { panic!("two elements") };
    assert_eq!((c.namespace(), e.namespace()), (None, Some("urn:d")));
    let d = c.children().next().unwrap();
    assert_eq!((d.name(), d.namespace(), d.is_nil()), ("d", Some("urn:&"), true));
    assert_eq!(
        (d.resolve("a"), d.resolve(""), e.resolve(""), e.resolve("n")),
        (Some("urn:a"), None, Some("urn:d"), None)
    );
    assert_eq!((e.position().line, c.position().line), (6, 6));
    let alone = Document::parse(c.to_xml()).unwrap();
    assert_eq!((alone.root().namespace(), alone.root().children().next().unwrap().namespace()), (None, Some("urn:&")));
    assert_eq!(e.to_xml(), "<e xmlns=\"urn:d\" xmlns:a=\"urn:a\">n:x</e>");
    assert_eq!(format!("{document:?} {c:?}"), "Document { root: Element({urn:a}r), .. } Element(c)");
}

model! {
    struct Rates = "\u{1f}\u{1f}name=rates\u{1e}namespace=urn:rates\u{1f}lang\u{1f}attribute\u{1e}namespace=http://www.w3.org/XML/1998/namespace\u{1f}days\u{1f}attribute\u{1f}rate\u{1f}namespace=urn:other" {
        rate: Vec<Rate>,
        lang: Option<String>,
        days: Vec<u8>,
        #[serde(default)]
        note: Option<String>,
    }
}

model! {
    struct Rate = "\u{1f}value\u{1f}text\u{1f}year\u{1f}attribute\u{1e}name=y" {
        value: f64,
        year: Option<u16>,
    }
}

#[test]
fn namespaces_attributes_and_texts_are_where_the_model_says() {
    let rates = Rates {
        rate: vec![Rate { value: 0.5, year: Some(7) }, Rate { value: -1.0, year: None }],
        lang: Some("p\"l".to_owned()),
        days: vec![1, 2],
        note: Some(" a\r\n]]> ".to_owned()),
    };
    let xml = "<rates xmlns=\"urn:rates\" xml:lang=\"p&quot;l\" days=\"1 2\">\
        <rate xmlns=\"urn:other\" y=\"7\">0.5</rate><rate xmlns=\"urn:other\">-1</rate>\
        <note> a&#13;\n]]&gt; </note></rates>";
    assert_eq!(write(&rates), xml);
    assert_eq!(read(xml), Ok(rates.clone()));
    let prefixed = "<r:rates xmlns:r='urn:rates' xmlns:o='urn:other' xml:lang='p\"l' days=' 1  2 ' rate='x'>\
        <r:rate/><o:rate y='7'>0.5</o:rate><rate/><r:note> a&#13;\n]]&gt; </r:note><o:rate>-1</o:rate></r:rates>";
    assert_eq!(read(prefixed), Ok(rates));
    assert_eq!(
        read::<Rates>("<rates><rate>1</rate></rates>"),
        Err("/rates: expected an element in the namespace \"urn:rates\"".to_owned())
    );
    assert_eq!(
        read::<Rates>("<rates xmlns='urn:rates' days='1 x 300'><o:rate xmlns:o='urn:other' y='z'/></rates>"),
        Err("/rates/@days: expected an integer from 0 to 255, which the text is not; \
             /rates/rate[1]/@y: expected an integer from 0 to 65535, which the text is not; \
             /rates/rate[1]/text(): expected a number, which the text is not"
            .to_owned())
    );
}

#[test]
fn a_list_is_read_however_it_is_wrapped() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Lists {
        #[serde(default)]
        emails: Vec<String>,
        #[serde(default)]
        phones: Vec<Phone>,
        #[serde(default)]
        things: Vec<Thing>,
        #[serde(default)]
        matrix: Vec<Vec<u8>>,
        #[serde(default)]
        maybe: Vec<Option<u8>>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Thing {
        item: String,
    }
    impl Model for Lists {
        const NAME: &'static str = "Lists";
        fn __made_by_the_macro() {}
    }
    let lists = Lists {
        emails: vec!["a".to_owned(), "b".to_owned()],
        phones: vec![Phone { name: "a".to_owned(), number: 1 }],
        things: vec![Thing { item: "a".to_owned() }],
        matrix: vec![vec![1, 2]],
        maybe: vec![Some(1), None],
    };
    let xml = "<response><emails>a</emails><emails>b</emails><phones><name>a</name><number>1</number></phones>\
        <things><item>a</item></things><matrix><item>1</item><item>2</item></matrix><maybe>1</maybe>\
        <maybe xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/></response>";
    assert_eq!(write(&lists), xml);
    assert_eq!(read(xml).as_ref(), Ok(&lists));
    let wrapped = "<request><emails><item>a</item><item>b</item></emails>\
        <phones><item><name>a</name><number>1</number></item></phones><things><item>a</item></things>\
        <matrix><item>1</item><item>2</item></matrix>\
        <maybe><item>1</item><item xmlns:x='http://www.w3.org/2001/XMLSchema-instance' x:nil='1'/></maybe></request>";
    assert_eq!(read(wrapped), Ok(lists));
    assert_eq!(
        read::<Lists>("<r><phones><item><number>x</number></item><item/></phones></r>"),
        Err("/r/phones/item[1]/number: expected an integer from 0 to 4294967295, which the text is not; \
             /r/phones/item[1]/name: missing; /r/phones/item[2]/name: missing; /r/phones/item[2]/number: missing"
            .to_owned())
    );
    let top = vec![Rate { value: 1.0, year: None }];
    assert_eq!(write(&top), "<response><item>1</item></response>");
    for xml in ["<r><item>1</item></r>", "<r><item_list><item>1</item></item_list></r>", "<r><Rate>1</Rate></r>"] {
        assert_eq!(read(xml).as_ref(), Ok(&top), "{xml}");
    }
    assert_eq!(read::<Vec<Rate>>("<r/>"), Ok(Vec::new()));
}

#[test]
fn enums_maps_and_any_value_have_elements() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    enum Shape {
        Point,
        Circle(u8),
        Line(u8, u8),
        Box { width: u8 },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Drawing {
        shape: Vec<Shape>,
        limits: BTreeMap<String, i8>,
        any: Value,
    }
    impl Model for Drawing {
        const NAME: &'static str = "Drawing";
        fn __made_by_the_macro() {}
    }
    let drawing = Drawing {
        shape: vec![Shape::Point, Shape::Circle(1), Shape::Line(1, 2), Shape::Box { width: 3 }],
        limits: BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), -2)]),
        any: serde_json::json!({"@id": "7", "x": ["1", {"y": ""}], "$text": "t"}),
    };
    let xml = "<response><shape>Point</shape><shape><Circle>1</Circle></shape>\
        <shape><Line><item>1</item><item>2</item></Line></shape><shape><Box><width>3</width></Box></shape>\
        <limits><a>1</a><b>-2</b></limits><any id=\"7\">t<x>1</x><x><y/></x></any></response>";
    assert_eq!(write(&drawing), xml);
    assert_eq!(read(xml).as_ref(), Ok(&drawing));
    assert_eq!(read(&xml.replace(">Point<", "><Point/><")).as_ref(), Ok(&drawing));
    assert_eq!(
        read::<Drawing>("<r><shape><Cube/></shape><limits><a>x</a></limits><any/></r>"),
        Err("/r/shape[1]: expected one of Point, Circle, Line, Box; \
             /r/limits/a: expected an integer from -128 to 127, which the text is not"
            .to_owned())
    );
    assert_eq!(read::<Value>("<a>x</a>"), Ok(Value::from("x")));
    let error = |value: Value| {
        let error = format::write(Format::Xml, &FormatOptions::default(), &value).unwrap_err();
        error.report().to_string()
    };
    assert_eq!(
        error(serde_json::json!({"a": {"b c": 1}})),
        "the model can't be written as XML: /response/a/b c: the name can't be that of an XML element"
    );
    assert_eq!(
        error(serde_json::json!({"a": ["x", "\u{0}"]})),
        "the model can't be written as XML: /response/a/a[2]: a character that XML can't carry, not even as a reference"
    );
}

#[test]
fn unknown_elements_and_attributes_are_told_where_the_model_denies_them() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        a: u8,
    }
    impl Model for Strict {
        const NAME: &'static str = "Strict";
        fn __made_by_the_macro() {}
    }
    let xml =
        "<r xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='r' id='1'><b/><a>1</a><b/>text<a>2</a></r>";
    assert_eq!(
        read::<Strict>(xml),
        Err("/r/@id: unknown key, expected a; /r/b: unknown key, expected a; /r/a: given more than once; \
             /r/text(): unknown key, expected a"
            .to_owned())
    );
    assert_eq!(read::<Strict>("<r>text</r>"), Err("/r: expected elements, got text".to_owned()));
    assert_eq!(
        read::<Strict>("<r xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><a xsi:nil='true'/></r>"),
        Err("/r/a: expected an integer from 0 to 255, got null".to_owned())
    );
}

#[test]
fn output_is_as_the_channel_says() {
    let mut options = FormatOptions::default();
    options.xml.namespace = Some("urn:c".to_owned());
    options.xml.pretty_print = true;
    options.xml.root = "reply".to_owned();
    options.xml.encoding = "ISO-8859-2".to_owned();
    let value = serde_json::json!({"a": "ż日", "b": [{"c": null}, {}]});
    let (bytes, content_type) = format::write(Format::Xml, &options, &value).unwrap();
    assert_eq!(content_type, "application/xml; charset=ISO-8859-2");
    let expected: &[&[u8]] = &[
        b"<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?>\n<reply xmlns=\"urn:c\">\n  <a>\xbf&#26085;</a>\n  <b/>\n  <b/>\n</reply>",
    ];
    assert_eq!(bytes, expected.concat());
    let read: Value = format::read_with(Format::Xml, &options, &bytes).unwrap();
    assert_eq!(read["a"], "ż日");
    options.xml.encoding = "UTF-16".to_owned();
    let (bytes, _) = format::write(Format::Xml, &options, &value).unwrap();
    assert!(bytes.starts_with(b"\xff\xfe<\0"));
    assert_eq!(format::read::<Value>(Format::Xml, &bytes).unwrap()["a"], "ż日");
    assert_eq!(
        format::read_with::<Order>(Format::Xml, &options, b"<order/>").unwrap_err().to_string(),
        "the input can't be used: /order: expected an element in the namespace \"urn:c\""
    );
}

fn a_text() -> impl Strategy<Value = String> {
    "[ -~\t\n\r\u{80}-\u{d7ff}\u{e000}-\u{fffd}]{0,12}"
}

prop_compose! {
    fn an_order()(
        currency in a_text(),
        rate in any::<i32>(),
        lists in prop::collection::vec((a_text(), any::<u32>(), any::<bool>()), 0..5),
        note in prop::option::of(a_text()),
    ) -> Order {
        let (mut phone_list, mut phones) = (vec![Phone { name: "always one".to_owned(), number: 0 }], Vec::new());
        for (name, number, is_wrapped) in lists {
            if is_wrapped { phones.push(Phone { name, number }) } else { phone_list.push(Phone { name, number }) }
        }
        Order { currency, rate: i64::from(rate).into(), phone_list, phones, note }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(order in an_order(), is_pretty in any::<bool>(), wide in any::<bool>()) {
        let mut options = FormatOptions::default();
        options.xml.pretty_print = is_pretty;
        options.xml.encoding = if wide { "UTF-16BE" } else { "windows-1250" }.to_owned();
        let (bytes, _) = format::write(Format::Xml, &options, &order).unwrap();
        prop_assert_eq!(format::read::<Order>(Format::Xml, &bytes).unwrap(), order);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), xml in "(<[a-c]?[:=/ !?&;'\"x\\[\\]-]{0,4}>?|&[#x0-9a;]{0,3}|\\PC){0,24}") {
        let _ = Document::parse(bytes);
        let _ = Document::parse(format!("<a>{xml}</a>"));
        let _ = read::<Order>(&format!("<order>{xml}</order>"));
        let _ = read::<Value>(&xml);
    }

    #[test]
    fn what_can_not_be_read_has_a_fault(parts in prop::collection::vec("<(phone_list|Rate|phones|phone|name|number|item|x)( currency=\"1\")?>(1|x|)", 0..12)) {
        let ends: String = parts.iter().rev().map(|part| {
            let name: String = part.chars().skip(1).take_while(|character| !" >".contains(*character)).collect();
            format!("</{name}>")
        }).collect();
        if let Err(error) = format::read::<Order>(Format::Xml, format!("<order>{}{ends}</order>", parts.concat()).as_bytes()) {
            prop_assert!(error.input_faults().iter().all(|fault| fault.path.starts_with("/order")), "{error}");
        }
    }
}

/// A list of texts that are refused, each in its place.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Refused {
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    api_key: Vec<String>,
    number: Option<u8>,
}

impl Model for Refused {
    const NAME: &'static str = "Refused";

    fn __check(&self, checks: &mut Checks<'_>) {
        custom(Err::<(), _>("refused"), checks);
        custom(Err::<(), _>("refused"), &mut checks.at("words"));
        for (index, _) in self.words.iter().enumerate() {
            custom(Err::<(), _>("refused"), &mut checks.at("words").at_item(index));
        }
        custom(Err::<(), _>("refused"), &mut checks.at("api_key").at_item(0));
        custom(Err::<(), _>("refused"), &mut checks.at("absent").at_item(6).at("a/b"));
    }

    fn __made_by_the_macro() {}
}

fn told<T: Model>(xml: &str) -> Vec<String> {
    let error = format::read::<T>(Format::Xml, xml.as_bytes()).err().expect("it is refused");
    let value = |fault: &Fault| fault.value.as_ref().map(|value| format!(" ({value})")).unwrap_or_default();
    error.input_faults().iter().map(|fault| format!("{fault}{}", value(fault))).collect()
}

#[test]
fn constraints_are_told_with_xpaths_and_values() {
    let rest = ["/r/api_key[1]: refused", "/r/absent[7]/a/b: refused"];
    let list = ["/r: refused", "/r/words: refused"];
    let with =
        |words: &[&str]| list.iter().chain(words).chain(&rest).map(|said| (*said).to_owned()).collect::<Vec<_>>();
    for (xml, words) in [
        ("<words>a</words><api_key>canary</api_key><words>b&lt;</words>", ["a", "b<"].as_slice()),
        ("<words/><api_key>canary</api_key>", &[""]),
    ] {
        let expected: Vec<_> =
            words.iter().zip(1..).map(|(word, at)| format!("/r/words[{at}]: refused ({word})")).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        assert_eq!(told::<Refused>(&format!("<r>{xml}</r>")), with(&expected));
    }
    let wrapped = "<r><words><item>a</item><item>b</item></words><api_key>canary</api_key></r>";
    assert_eq!(told::<Refused>(wrapped), with(&["/r/words/item[1]: refused (a)", "/r/words/item[2]: refused (b)"]));
}

#[test]
fn what_was_made_up_in_place_of_a_fault_is_not_checked() {
    let xml = "<r><words>a</words><words><b/></words><number>canary</number><api_key>k</api_key><words>c</words></r>";
    assert_eq!(
        told::<Refused>(xml),
        [
            "/r/words[2]: expected text, got elements",
            "/r/number: expected an integer from 0 to 255, which the text is not (canary)",
            "/r/words[1]: refused (a)",
            "/r/words[3]: refused (c)",
            "/r/api_key[1]: refused",
            "/r/absent[7]/a/b: refused",
        ]
    );
}

#[test]
fn values_of_secrets_are_not_repeated() {
    model! {
        struct Login = "\u{1f}pin\u{1f}secret\u{1f}code\u{1f}secret\u{1e}attribute\u{1f}word\u{1f}name=xApiKey" {
            user: u8,
            pin: u8,
            code: u8,
            word: u8,
            password: Vec<u8>,
            tokens: BTreeMap<String, u8>,
        }
    }
    let xml = "<login code='canary'><user>u</user><pin>canary</pin><xApiKey>canary</xApiKey><password>canary</password>\
        <tokens><a>canary</a></tokens></login>";
    let wrong = "expected an integer from 0 to 255, which the text is not";
    assert_eq!(
        told::<Login>(xml),
        [
            format!("/login/@code: {wrong}"),
            format!("/login/user: {wrong} (u)"),
            format!("/login/pin: {wrong}"),
            format!("/login/xApiKey: {wrong}"),
            format!("/login/password[1]: {wrong}"),
            format!("/login/tokens/a: {wrong}"),
        ]
    );
}
