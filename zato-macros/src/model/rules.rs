//! What a value has to be beyond its type.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitInt, LitStr, Meta, Path};

use super::words::{one_of, unknown};
use crate::arguments::arguments;
use crate::errors::Errors;

/// A constraint, and which word of the user's it is, where a mistake about its type is shown.
pub(super) struct Constraint {
    rule: Rule,
    at: Span,
}

/// One constraint.
pub(super) enum Rule {
    Length(Ends),
    Range(Ends),
    Pattern(LitStr),
    Email,
    Url,
    Custom(Path),
    /// Constraints of every item.
    Inner(Vec<Constraint>),
}

/// Between what something is.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) min: Option<Expr>,
    pub(super) max: Option<Expr>,
}

/// The words of constraints.
pub(super) const KNOWN: [&str; 7] = ["length", "range", "pattern", "email", "url", "custom", "inner"];

/// Reads a constraint, if that is what a word is.
pub(super) fn read(meta: &Meta, rules: &mut Vec<Constraint>, errors: &mut Errors) {
    let before = errors.len();
    let word = meta.path().to_token_stream().to_string();
    let rule = match word.as_str() {
        "length" => ends(meta, &["min", "max", "equal"], errors).map(|ends| length(ends, errors)),
        "range" => ends(meta, &["min", "max"], errors).map(|ends| range(ends, errors)),
        "pattern" => pattern(meta, errors),
        "email" => alone(meta, Rule::Email, errors),
        "url" => alone(meta, Rule::Url, errors),
        "custom" => custom(meta, errors).map(Rule::Custom),
        _ => inner(meta, errors),
    };
    let Some(rule) = rule else { return };
    let is_same = |other: &Constraint| std::mem::discriminant(&other.rule) == std::mem::discriminant(&rule);
    let is_format = |rule: &Rule| matches!(rule, Rule::Email | Rule::Url);
    if !matches!(rule, Rule::Custom(_)) && rules.iter().any(is_same) {
        errors.push(meta, format!("`{word}` is said twice"));
    } else if is_format(&rule) && rules.iter().any(|other| is_format(&other.rule)) {
        errors.push(meta, "nothing is an email address and a URL at once");
    }
    // What is wrong already would be reported a second time, by the compiler.
    if errors.len() == before {
        rules.push(Constraint { rule, at: Span::call_site().located_at(meta.path().span()) });
    }
}

/// Reads the function in `custom(path)`.
pub(super) fn custom(meta: &Meta, errors: &mut Errors) -> Option<Path> {
    let path = match meta {
        Meta::List(list) => syn::parse2::<Path>(list.tokens.clone()).ok(),
        _ => None,
    };
    if path.is_none() {
        errors.push(meta, "`custom` names a function: `custom(check_iban)`");
    }
    path
}

fn alone(meta: &Meta, rule: Rule, errors: &mut Errors) -> Option<Rule> {
    if matches!(meta, Meta::Path(_)) {
        return Some(rule);
    }
    errors.push(meta, format!("`{}` takes no value: its presence says it", meta.path().to_token_stream()));
    None
}

/// Reads `word(min = 1, max = 64)`; `equal` is both.
fn ends(meta: &Meta, known: &[&str], errors: &mut Errors) -> Option<Ends> {
    let word = meta.path().to_token_stream().to_string();
    let example = format!("`{word}` takes bounds: `{word}(min = 1, max = 64)`");
    let Meta::List(list) = meta else {
        errors.push(meta, example);
        return None;
    };
    let before = errors.len();
    let mut ends = Ends::default();
    for argument in arguments(list.tokens.clone()) {
        let Ok(Meta::NameValue(pair)) = syn::parse2::<Meta>(argument.clone()) else {
            errors.push(argument, format!("expected {}, each with a value: `min = 1`", one_of(known, "or")));
            continue;
        };
        let name = pair.path.to_token_stream().to_string();
        let targets: Vec<&mut Option<Expr>> = match name.as_str() {
            "min" => vec![&mut ends.min],
            "max" => vec![&mut ends.max],
            "equal" if known.contains(&"equal") => vec![&mut ends.min, &mut ends.max],
            _ => {
                errors.push(&pair.path, unknown(&name, known, &format!("`{word}(...)`")));
                continue;
            }
        };
        for target in targets {
            if target.replace(pair.value.clone()).is_some() {
                errors.push(&pair.path, format!("`{name}` is said already"));
            }
        }
    }
    if errors.len() == before && ends.min.is_none() && ends.max.is_none() {
        errors.push(meta, example);
    }
    (errors.len() == before).then_some(ends)
}

fn length(ends: Ends, errors: &mut Errors) -> Rule {
    for end in [&ends.min, &ends.max].into_iter().flatten() {
        let is_count = literal(end).is_none_or(|literal| matches!(literal, Lit::Int(_)));
        if !is_count || integer(end).is_some_and(|number| number < 0) {
            errors.push(end, "a length is a number of characters or items: 0 or more, without a fraction");
        }
    }
    in_order(&ends, errors);
    Rule::Length(ends)
}

fn range(ends: Ends, errors: &mut Errors) -> Rule {
    for end in [&ends.min, &ends.max].into_iter().flatten() {
        let is_bound = |literal: &Lit| matches!(literal, Lit::Int(_) | Lit::Float(_) | Lit::Str(_));
        if literal(end).is_some_and(|literal| !is_bound(literal)) {
            errors.push(end, "a range is between numbers, or between dates, times or decimals as texts");
        }
    }
    if let (Some(min), Some(max)) = (&ends.min, &ends.max)
        && is_text(min) != is_text(max)
    {
        errors.push(max, "a range is between two numbers or between two texts");
    }
    in_order(&ends, errors);
    Rule::Range(ends)
}

/// Refuses bounds between which there is nothing, as far as they are written down as integers.
fn in_order(ends: &Ends, errors: &mut Errors) {
    let number = |end: &Option<Expr>| end.as_ref().and_then(integer);
    if let (Some(min), Some(max)) = (number(&ends.min), number(&ends.max))
        && min > max
    {
        errors.push(&ends.max, format!("nothing is at least {min} and at most {max}"));
    }
}

fn literal(expression: &Expr) -> Option<&Lit> {
    match expression {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

fn integer(expression: &Expr) -> Option<i128> {
    let digits = |literal: &LitInt| literal.base10_parse::<i128>().ok();
    match expression {
        Expr::Unary(unary) => match (&unary.op, literal(&unary.expr)) {
            (syn::UnOp::Neg(_), Some(Lit::Int(literal))) => digits(literal).map(|number| -number),
            _ => None,
        },
        other => match literal(other) {
            Some(Lit::Int(literal)) => digits(literal),
            _ => None,
        },
    }
}

fn is_text(expression: &Expr) -> bool {
    matches!(literal(expression), Some(Lit::Str(_)))
}

fn is_fraction(expression: &Expr) -> bool {
    match expression {
        Expr::Unary(unary) => is_fraction(&unary.expr),
        other => matches!(literal(other), Some(Lit::Float(_))),
    }
}

fn pattern(meta: &Meta, errors: &mut Errors) -> Option<Rule> {
    let text = match meta {
        Meta::List(list) => syn::parse2::<LitStr>(list.tokens.clone()).ok(),
        _ => None,
    };
    let Some(text) = text else {
        errors.push(meta, "`pattern` takes a regular expression: `pattern(\"^[A-Z]{3}$\")`");
        return None;
    };
    #[cfg(feature = "validation")]
    if let Err(error) = regex_syntax::parse(&text.value()) {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        errors.push(&text, format!("this is no regular expression: {last}"));
        return None;
    }
    Some(Rule::Pattern(text))
}

fn inner(meta: &Meta, errors: &mut Errors) -> Option<Rule> {
    let Meta::List(list) = meta else {
        errors.push(meta, "`inner` takes the constraints of the items: `inner(length(min = 1))`");
        return None;
    };
    let mut rules = Vec::new();
    let before = errors.len();
    for argument in arguments(list.tokens.clone()) {
        match syn::parse2::<Meta>(argument.clone()) {
            Ok(meta) if KNOWN.iter().any(|known| meta.path().is_ident(known)) => read(&meta, &mut rules, errors),
            Ok(meta) => {
                let word = meta.path().to_token_stream().to_string();
                errors.push(meta.path(), unknown(&word, &KNOWN, "`inner(...)`"));
            }
            Err(_) => errors.push(argument, format!("expected {}", one_of(&KNOWN, "or"))),
        }
    }
    if rules.is_empty() && errors.len() == before {
        errors.push(meta, "`inner` takes the constraints of the items: `inner(length(min = 1))`");
    }
    Some(Rule::Inner(rules))
}

impl Constraint {
    /// Expands to the check of `__value`, which is told to `__checks`.
    pub(super) fn check(&self, is_option: bool) -> TokenStream {
        let at = self.at;
        let constraints = quote_spanned!(at=> ::zato::__private::constraints);
        match &self.rule {
            Rule::Length(Ends { min, max }) => {
                let (min, max) = (option(min.as_ref()), option(max.as_ref()));
                quote_spanned!(at=> #constraints::length(__value, #min, #max, __checks);)
            }
            Rule::Range(Ends { min, max }) if [min, max].into_iter().flatten().any(is_text) => {
                let (min, max) = (option(min.as_ref()), option(max.as_ref()));
                quote_spanned!(at=> #constraints::range_of_text(__value, #min, #max, __checks);)
            }
            Rule::Range(Ends { min, max }) => {
                let (min, max) = (option(min.as_ref().map(bound)), option(max.as_ref().map(bound)));
                quote_spanned!(at=> #constraints::range(__value, #min, #max, __checks);)
            }
            Rule::Pattern(text) => quote_spanned! {at=>
                static PATTERN: #constraints::Pattern = #constraints::Pattern::new(#text);
                #constraints::pattern(__value, &PATTERN, __checks);
            },
            Rule::Email => quote_spanned!(at=> #constraints::email(__value, __checks);),
            Rule::Url => quote_spanned!(at=> #constraints::url(__value, __checks);),
            Rule::Custom(path) if is_option => quote_spanned! {at=>
                if let ::core::option::Option::Some(__value) = __value {
                    #constraints::custom(#path(__value), __checks);
                }
            },
            Rule::Custom(path) => quote_spanned!(at=> #constraints::custom(#path(__value), __checks);),
            Rule::Inner(rules) => {
                let checks = rules.iter().map(|rule| rule.check(false));
                quote_spanned!(at=> #constraints::each(__value, |__value, __checks| { #(#checks)* }, __checks);)
            }
        }
    }

    /// Expands to what changes the schema of a map, of whose length `schemars` says nothing.
    pub(super) fn schema_of_map(&self) -> Option<TokenStream> {
        let Rule::Length(Ends { min, max }) = &self.rule else { return None };
        let (min, max) = (option(min.as_ref()), option(max.as_ref()));
        Some(quote!(::zato::__private::OfMap { min: #min, max: #max }))
    }

    /// Expands to what `schemars` is told of it, if it has a word for it.
    pub(super) fn schema(&self) -> Option<TokenStream> {
        let ends = |Ends { min, max }: &Ends| {
            let min = min.as_ref().map(|min| quote!(min = #min));
            let max = max.as_ref().map(|max| quote!(max = #max));
            let ends = [min, max].into_iter().flatten();
            quote!(#(#ends),*)
        };
        match &self.rule {
            Rule::Length(bounds) => {
                let bounds = ends(bounds);
                Some(quote!(length(#bounds)))
            }
            Rule::Range(bounds) => {
                let bounds = (![&bounds.min, &bounds.max].into_iter().flatten().any(is_text)).then(|| ends(bounds))?;
                Some(quote!(range(#bounds)))
            }
            Rule::Pattern(text) => Some(quote!(regex(pattern = #text))),
            Rule::Email => Some(quote!(email)),
            Rule::Url => Some(quote!(url)),
            Rule::Custom(_) => None,
            Rule::Inner(rules) => {
                let rules: Vec<_> = rules.iter().filter_map(Self::schema).collect();
                (!rules.is_empty()).then(|| quote!(inner(#(#rules),*)))
            }
        }
    }
}

fn option(tokens: Option<impl ToTokens>) -> TokenStream {
    match tokens {
        Some(tokens) => quote!(::core::option::Option::Some(#tokens)),
        None => quote!(::core::option::Option::None),
    }
}

fn bound(expression: &Expr) -> TokenStream {
    let bound = quote!(::zato::__private::constraints::Bound);
    if integer(expression).is_some() {
        quote!(#bound::Integer(#expression))
    } else if is_fraction(expression) {
        quote!(#bound::Fraction(#expression))
    } else {
        quote!(#bound::from(#expression))
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::errors::Errors;

    fn mistakes(text: &str) -> String {
        let mut errors = Errors::default();
        read(&syn::parse_str(text).unwrap(), &mut Vec::new(), &mut errors);
        errors.rendered()
    }

    #[test]
    fn accepts_every_constraint() {
        for text in [
            "length(min = 1)",
            "length(max = MOST, min = 0)",
            "length(equal = 3)",
            "range(min = -5, max = 0.5)",
            "range(min = \"2000-01-01\")",
            "pattern(\"^a|b$\")",
            "email",
            "url",
            "custom(crate::checks::iban)",
            "inner(length(min = 1), custom(check))",
        ] {
            assert_eq!(mistakes(text), "", "{text}");
        }
    }

    #[test]
    fn refuses_what_says_nothing() {
        for (text, expected) in [
            ("length", "length: `length` takes bounds: `length(min = 1, max = 64)`"),
            ("range()", "range (): `range` takes bounds: `range(min = 1, max = 64)`"),
            ("length(1)", "1: expected `min`, `max` or `equal`, each with a value: `min = 1`"),
            ("length(mn = 1)", "mn: unknown word `mn` in `length(...)`; did you mean `min`?"),
            ("range(equal = 1)", "equal: unknown word `equal` in `range(...)`; there are `min` and `max`"),
            ("length(equal = 1, max = 2)", "max: `max` is said already"),
            ("length(min = -1)", "- 1: a length is a number of characters or items: 0 or more, without a fraction"),
            ("length(min = 5, max = 1)", "1: nothing is at least 5 and at most 1"),
            ("range(min = true)", "true: a range is between numbers, or between dates, times or decimals as texts"),
            ("range(min = 1, max = \"2\")", "\"2\": a range is between two numbers or between two texts"),
            ("pattern(a)", "pattern (a): `pattern` takes a regular expression: `pattern(\"^[A-Z]{3}$\")`"),
            ("email = true", "email = true: `email` takes no value: its presence says it"),
            ("custom = \"check\"", "custom = \"check\": `custom` names a function: `custom(check_iban)`"),
            (
                "inner(secret)",
                "secret: unknown word `secret` in `inner(...)`; there are `length`, `range`, `pattern`, `email`, `url`, \
                 `custom` and `inner`",
            ),
            ("inner()", "inner (): `inner` takes the constraints of the items: `inner(length(min = 1))`"),
        ] {
            assert_eq!(mistakes(text), expected, "{text}");
        }
    }

    #[cfg(feature = "validation")]
    #[test]
    fn a_pattern_is_looked_at() {
        assert_eq!(mistakes("pattern(\"(a\")"), "\"(a\": this is no regular expression: unclosed group");
    }
}
