use proptest::prelude::*;

use super::*;

fn headers(content_type: &[&str], accept: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in content_type {
        headers.append(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
    }
    for value in accept {
        headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
    }
    headers
}

const BOTH: Negotiation = Negotiation { takes_model: true, gives_model: true };

fn settle(content_type: &[&str], accept: &[&str]) -> Result<(Format, Format), (u16, Format)> {
    let settled = BOTH.settle(&headers(content_type, accept), &Method::POST, false);
    settled.map(|n| (n.input, n.output)).map_err(|(refusal, format)| (refusal.status.as_u16(), format))
}

#[test]
fn the_content_type_says_what_comes() {
    for (content_type, expected) in [
        (&[][..], Some(Format::Json)),
        (&["application/json"], Some(Format::Json)),
        (&["Application/JSON; charset=\"UTF-8\""], Some(Format::Json)),
        (&["application/json;charset=utf-8;"], Some(Format::Json)),
        (&["application/merge-patch+json"], Some(Format::Json)),
        (&["application/json", "application/json"], Some(Format::Json)),
        (&["application/json", "text/plain"], None),
        (&["application/json; charset=latin1"], None),
        (&["application/x-www-form-urlencoded"], Some(Format::Form)),
        (&["application/xml; charset=iso-8859-1"], Some(Format::Xml)),
        (&["text/xml"], Some(Format::Xml)),
        (&["application/atom+xml"], Some(Format::Xml)),
        (&["application/soap+xml"], None),
        (&["text/csv; header=present"], Some(Format::Csv)),
        (&["text/plain"], None),
        (&["image/png"], None),
        (&["+json"], None),
        (&["application/+json"], None),
        (&["json"], None),
        (&[""], None),
        (&["application/json; charset"], None),
        (&["application/json; charset=\"utf-8"], None),
        (&["application/ json"], None),
    ] {
        assert_eq!(settle(content_type, &["*/*"]).ok().map(|(input, _)| input), expected, "{content_type:?}");
    }
}

#[test]
fn accept_says_what_goes() {
    for (accept, expected) in [
        (&[][..], Some(Format::Json)),
        (&[""], Some(Format::Json)),
        (&["*/*"], Some(Format::Json)),
        (&["text/csv"], Some(Format::Csv)),
        (&["TEXT/CSV;header=present"], Some(Format::Csv)),
        (&["text/xml"], Some(Format::Xml)),
        (&["application/xml, application/json;q=0.9"], Some(Format::Xml)),
        (&["application/xml;q=0.5, application/json;q=0.501"], Some(Format::Json)),
        (&["application/xml;q=0.5", "application/json;q=0.5"], Some(Format::Json)),
        (&["text/*"], Some(Format::Xml)),
        (&["text/*;q=0.5, text/xml;q=0"], Some(Format::Csv)),
        (&["*/*;q=0.1, application/json;q=0"], Some(Format::Xml)),
        (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Some(Format::Xml)),
        (&["application/json;q=0"], None),
        (&["*/*;q=0"], None),
        (&["image/png"], None),
        (&["application/json;version=2"], None),
        (&["application/json;q=x"], None),
        (&["application/json;q=0.1234, text/csv"], Some(Format::Csv)),
        (&["x/y;a=\"b, text/csv\", application/xml"], Some(Format::Xml)),
        (&["*/json"], None),
        (&[", ,application/json,"], Some(Format::Json)),
    ] {
        assert_eq!(settle(&[], accept).ok().map(|(_, output)| output), expected, "{accept:?}");
    }
}

#[test]
fn who_takes_anything_gets_what_it_speaks() {
    assert_eq!(settle(&["text/csv"], &["*/*"]), Ok((Format::Csv, Format::Csv)));
    assert_eq!(settle(&["application/xml"], &[]), Ok((Format::Xml, Format::Xml)));
    assert_eq!(settle(&["application/x-www-form-urlencoded"], &[]), Ok((Format::Form, Format::Json)));
    assert_eq!(settle(&["text/csv"], &["application/xml;q=0.5, */*;q=0.1"]), Ok((Format::Csv, Format::Xml)));
}

#[test]
fn an_error_is_told_in_what_the_caller_takes() {
    assert_eq!(settle(&["text/plain"], &["application/xml"]), Err((415, Format::Xml)));
    assert_eq!(settle(&["application/xml"], &["image/png"]), Err((406, Format::Json)));
}

#[test]
fn bytes_are_no_formats_business() {
    let raw = Negotiation { takes_model: false, gives_model: false };
    let settled = raw.settle(&headers(&["image/png"], &["image/png"]), &Method::POST, false);
    assert_eq!(settled.ok(), Some(Negotiated { input: Format::Json, output: Format::Json }));
    let settled = BOTH.settle(&headers(&["image/png"], &[]), &Method::GET, true);
    assert_eq!(settled.ok(), Some(Negotiated { input: Format::Json, output: Format::Json }));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(content_type in "[ -~]{0,40}", accept in "[a-z*/;=q0-9., \"\\\\]{0,60}") {
        let _ = settle(&[&content_type], &[&accept]);
    }
}
