use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    error::Result,
    format,
    message::{
        ChannelInfo, Cid, CsvDialect, CsvOptions, CsvQuoting, Format, FormatOptions, Head, LineTerminator, Message,
        OnExtra, OnMissing, Params, Payload,
    },
    model::Model,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Rate {
    date: String,
    amount: f64,
    years: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Model for Rate {
    const NAME: &'static str = "Rate";

    fn __made_by_the_macro() {}
}

fn rate(date: &str, amount: f64, years: Option<u8>, note: Option<&str>) -> Rate {
    Rate { date: date.to_owned(), amount, years, note: note.map(str::to_owned) }
}

fn options(csv: CsvOptions) -> FormatOptions {
    FormatOptions { csv, ..FormatOptions::default() }
}

fn read_with<T: Model>(csv: CsvOptions, text: &str) -> Result<T, String> {
    format::read_with(Format::Csv, &options(csv), text.as_bytes()).map_err(|error| error.to_string())
}

fn read<T: Model>(text: &str) -> Result<T, String> {
    read_with(CsvOptions::default(), text)
}

fn faults<T: Model>(csv: CsvOptions, text: &[u8]) -> Vec<String> {
    let error = format::read_with::<T>(Format::Csv, &options(csv), text).err().expect("it can't be read");
    error.input_faults().iter().map(ToString::to_string).collect()
}

fn write_with<T: Model>(csv: CsvOptions, value: &T) -> Result<String, String> {
    let written = format::write(Format::Csv, &options(csv), value).map_err(|error| error.to_string());
    written.map(|(bytes, _)| String::from_utf8(bytes.to_vec()).unwrap())
}

fn head(query: &str) -> Box<Head> {
    let mut channel = ChannelInfo::new("rest", "rates", "rates.put");
    channel.format = Format::Csv;
    let mut message = Message::new(Cid::from_bits(1), Arc::new(channel), Payload::empty());
    message.head.params = Params::new(Vec::new(), format!("/x?{query}").parse().unwrap());
    message.head
}

#[test]
fn rows_are_read_by_the_names_of_the_header() {
    let text = "\u{feff}note,amount,date,unknown\r\n\"a, \"\"b\"\"\r\nc\",1.5,2012-06-01,x\r\n\r\n,2,2012-06-02,\n";
    let expected = vec![rate("2012-06-01", 1.5, None, Some("a, \"b\"\r\nc")), rate("2012-06-02", 2.0, None, None)];
    assert_eq!(read(text), Ok(expected));
    assert_eq!(read::<Vec<Rate>>("date,amount\n"), Ok(Vec::new()));
    assert_eq!(read::<Vec<Rate>>(""), Ok(Vec::new()));
    assert_eq!(read("date,amount\na,1"), Ok(rate("a", 1.0, None, None)));
    assert_eq!(read::<serde_json::Value>("a,b\n1,\n"), Ok(json!([{"a": "1", "b": ""}])));
}

#[test]
fn rows_without_a_header_are_read_in_the_order_of_the_fields() {
    let positional = || CsvOptions { has_header: false, ..CsvOptions::default() };
    assert_eq!(
        read_with(positional(), "a,1,7,x\nb,2,,\n"),
        Ok(vec![rate("a", 1.0, Some(7), Some("x")), rate("b", 2.0, None, None)])
    );
    assert_eq!(
        faults::<Vec<Rate>>(positional(), b"a,1,7,x\nb,2\nc,x,,"),
        [
            "row 2: the row has 2 values, and there are 4 columns",
            "row 3, column \"amount\": expected a number, which the text is not",
        ]
    );
    let lenient = CsvOptions { on_missing: OnMissing::Empty, on_extra: OnExtra::Ignore, ..positional() };
    assert_eq!(read_with(lenient, "b,2\nc,3,,,,9\n"), Ok(vec![rate("b", 2.0, None, None), rate("c", 3.0, None, None)]));
    assert_eq!(read_with::<serde_json::Value>(positional(), "1,2\n3\n"), Ok(json!([["1", "2"], ["3"]])));
}

#[test]
fn what_is_wrong_is_told_by_row_and_column() {
    let text = "date,amount,years\n\n\"a\nb\",x,300\nc,,\nd,1\ne,2,3,4\nf,5,6\n";
    assert_eq!(
        faults::<Vec<Rate>>(CsvOptions::default(), text.as_bytes()),
        [
            "row 2 (line 3), column \"amount\": expected a number, which the text is not",
            "row 2 (line 3), column \"years\": expected an integer from 0 to 255, which the text is not",
            "row 3 (line 5), column \"amount\": expected a number, which the text is not",
            "row 4 (line 6): the row has 2 values, and there are 3 columns",
            "row 5 (line 7): the row has 4 values, and there are 3 columns",
        ]
    );
    // What the header lacks is told once and not for every row.
    assert_eq!(
        faults::<Vec<Rate>>(CsvOptions::default(), b"date,x\na,1\nb,2\n"),
        ["row 1, column \"amount\": missing"]
    );
    assert_eq!(
        faults::<Vec<Rate>>(CsvOptions::default(), b"date,amount,date\na,1,b\na,1,b\n"),
        ["row 1, column \"date\": given more than once"]
    );
    assert_eq!(
        faults::<Rate>(CsvOptions::default(), b"date,amount\na,1\nb,2\n"),
        ["row 3: there is more than one row, and one is expected"]
    );
    assert_eq!(faults::<Rate>(CsvOptions::default(), b"date,amount\n"), ["there is no row, and one is expected"]);
    assert_eq!(
        faults::<Vec<Rate>>(CsvOptions::default(), b"date,amount\r\na,1\r\n\xff,\xfe\r\n\"b,2\r\n"),
        [
            "row 3: the text is not UTF-8; save the file as UTF-8",
            "line 4: malformed CSV: a quote is opened and never closed",
        ]
    );
    assert_eq!(
        faults::<Vec<Rate>>(CsvOptions::default(), b"dat\xff,amount\na,1"),
        ["row 1: the text is not UTF-8; save the file as UTF-8"]
    );
    assert_eq!(
        read_with(CsvOptions { is_strict: false, ..CsvOptions::default() }, "date,amount,note\na,1,\"b\n"),
        Ok(rate("a", 1.0, None, Some("b\n")))
    );
    let many = format!("date,amount\n{}", "a,x\n".repeat(5_000));
    assert_eq!(faults::<Vec<Rate>>(CsvOptions::default(), many.as_bytes()).len(), crate::model::MAX_FAULTS);
    let wide = ",".repeat(1 << 20);
    assert_eq!(
        faults::<Vec<Rate>>(CsvOptions::default(), wide.as_bytes()),
        ["line 1: the row has more than 16384 values"]
    );
}

#[test]
fn parameters_lie_over_every_row() {
    let rates: Vec<Rate> = format::decode(b"date,amount\na,1\nb,2\n", &head("years=7&amount=5")).unwrap();
    assert_eq!(rates, [rate("a", 5.0, Some(7), None), rate("b", 5.0, Some(7), None)]);
    let error = format::decode::<Vec<Rate>>(b"date,amount\na,1\nb,2\n", &head("years=x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the input can't be used: /years: expected an integer from 0 to 255, which the text is not"
    );
    assert_eq!(format::decode::<Rate>(b"", &head("date=a&amount=1")).unwrap(), rate("a", 1.0, None, None));
}

#[test]
fn it_is_as_the_channel_says() {
    let german = CsvOptions { delimiter: Some(';'), quote_char: '\'', ..CsvOptions::default() };
    assert_eq!(
        read_with(german, "date;amount;note\n'a;b';1;'it''s'\n"),
        Ok(vec![rate("a;b", 1.0, None, Some("it's"))])
    );
    let tabs = CsvOptions { dialect: CsvDialect::ExcelTab, ..CsvOptions::default() };
    assert_eq!(read_with(tabs, "date\tamount\na,b\t1\n"), Ok(vec![rate("a,b", 1.0, None, None)]));
    let escaped = CsvOptions { escape_char: Some('\\'), needs_double_quote: false, ..CsvOptions::default() };
    assert_eq!(read_with(escaped, "date,amount\n\"a\\\"b\",1\n"), Ok(vec![rate("a\"b", 1.0, None, None)]));
    let spaced = CsvOptions { should_skip_initial_space: true, ..CsvOptions::default() };
    assert_eq!(
        read_with(spaced, "date, amount, note\n a b ,  1, \"c, \"\" d\"\n"),
        Ok(vec![rate("a b ", 1.0, None, Some("c, \" d"))])
    );
    let plain = CsvOptions { quoting: Some(CsvQuoting::None), ..CsvOptions::default() };
    assert_eq!(read_with(plain, "date,amount\n\"a,1\n"), Ok(vec![rate("\"a", 1.0, None, None)]));
}

#[test]
fn models_are_written_as_rows() {
    let rates = vec![rate("a,\"b\"", 1.5, None, None), rate("", 2.0, Some(7), Some("x\ny"))];
    assert_eq!(
        write_with(CsvOptions::default(), &rates).unwrap(),
        "date,amount,years,note\r\n\"a,\"\"b\"\"\",1.5,,\r\n,2,7,\"x\ny\"\r\n"
    );
    assert_eq!(
        write_with(CsvOptions::default(), &rate("a", 1.0, None, None)).unwrap(),
        "date,amount,years,note\r\na,1,,\r\n"
    );
    // The columns are there although there is nothing in them.
    assert_eq!(write_with(CsvOptions::default(), &Vec::<Rate>::new()).unwrap(), "date,amount,years,note\r\n");
    let unix = CsvOptions { dialect: CsvDialect::Unix, should_write_header: false, ..CsvOptions::default() };
    assert_eq!(
        write_with(unix.clone(), &rates).unwrap(),
        "\"a,\"\"b\"\"\",\"1.5\",\"\",\"\"\n\"\",\"2\",\"7\",\"x\ny\"\n"
    );
    let texts = CsvOptions {
        quoting: Some(CsvQuoting::NonNumeric),
        line_terminator: Some(LineTerminator::Crlf),
        delimiter: Some(';'),
        ..unix
    };
    assert_eq!(write_with(texts, &rate("a", 1.0, None, None)).unwrap(), "\"a\";1;;\r\n");
    assert_eq!(
        write_with(CsvOptions::default(), &json!([{"b": 1, "a": null}, {"a": true}])).unwrap(),
        "a,b\r\n,1\r\ntrue,\r\n"
    );
    assert_eq!(write_with(CsvOptions::default(), &json!([{"a": ""}])).unwrap(), "a\r\n\"\"\r\n");
}

#[test]
fn what_is_no_row_is_told() {
    let none = CsvOptions { quoting: Some(CsvQuoting::None), ..CsvOptions::default() };
    for (options, value, said) in [
        (CsvOptions::default(), json!([{"a": [1]}]), "in the field \"a\" stands a list, which no value of CSV can be"),
        (CsvOptions::default(), json!({"a": {}}), "in the field \"a\" stands an object, which no value of CSV can be"),
        (CsvOptions::default(), json!([{"a": 1}, {"b": 1}]), "a row has a field that the first has not, \"b\""),
        (none, json!([{"a": "1,2"}]), "in the field \"a\" a value needs quotes, and the channel has none"),
        (
            CsvOptions::default(),
            json!("text"),
            "what the service gave is no list of models and no model, whose fields would be columns",
        ),
    ] {
        let expected = format!("the reply can't be written as CSV: {said}");
        assert_eq!(write_with(options, &value), Err(expected));
    }
}

#[test]
fn the_columns_of_a_map_are_its_keys() {
    let map = BTreeMap::from([("a", 1), ("b", 2)]);
    assert_eq!(write_with(CsvOptions::default(), &serde_json::to_value(map).unwrap()).unwrap(), "a,b\r\n1,2\r\n");
}

fn any_options() -> impl Strategy<Value = CsvOptions> {
    let dialect = prop_oneof![Just(CsvDialect::Excel), Just(CsvDialect::ExcelTab), Just(CsvDialect::Unix)];
    let quoting = prop_oneof![
        Just(None),
        Just(Some(CsvQuoting::All)),
        Just(Some(CsvQuoting::NonNumeric)),
        Just(Some(CsvQuoting::Minimal))
    ];
    let delimiter = prop_oneof![Just(None), Just(Some(';')), Just(Some('|'))];
    (dialect, quoting, delimiter, any::<bool>(), any::<bool>()).prop_map(
        |(dialect, quoting, delimiter, has_header, is_escaped)| CsvOptions {
            dialect,
            quoting,
            delimiter,
            has_header,
            should_write_header: has_header,
            escape_char: is_escaped.then_some('\\'),
            needs_double_quote: !is_escaped,
            ..CsvOptions::default()
        },
    )
}

fn any_rate() -> impl Strategy<Value = Rate> {
    // An empty text can't be told from none.
    let note = proptest::option::of("[ -~\r\n\tä漢\"';|,\\\\]{1,12}");
    (
        "[ -~\r\n\tä漢\"';|,\\\\]{0,12}",
        any::<f64>().prop_filter("a number", |number| number.is_finite()),
        any::<Option<u8>>(),
        note,
    )
        .prop_map(|(date, amount, years, note)| Rate { date, amount, years, note })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_again(rates in prop::collection::vec(any_rate(), 0..6), options in any_options()) {
        let text = write_with(options.clone(), &rates).unwrap();
        prop_assert_eq!(read_with::<Vec<Rate>>(options, &text), Ok(rates), "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(payload in any::<Vec<u8>>(), options in any_options()) {
        let options = self::options(options);
        let _ = format::read_with::<Vec<Rate>>(Format::Csv, &options, &payload);
        let _ = format::read_with::<Rate>(Format::Csv, &options, &payload);
        let _ = format::read_with::<serde_json::Value>(Format::Csv, &options, &payload);
    }

    #[test]
    fn what_can_not_be_read_has_a_fault(text in "(date|amount|years|note|a|1|x|\"|,|\n|\r\n| ){0,40}", options in any_options()) {
        if let Err(error) = format::read_with::<Vec<Rate>>(Format::Csv, &self::options(options), text.as_bytes()) {
            prop_assert!(!error.input_faults().is_empty());
            prop_assert!(!error.to_string().contains("nothing that can be read"), "{}: {}", text, error);
        }
    }
}
