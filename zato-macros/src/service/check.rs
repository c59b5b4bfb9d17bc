//! The rules about a service.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Pat, ReturnType, Safety, Signature, Type, TypeReference};

use super::mark::Mark;
use super::parse::{Marked, Parsed};
use super::{Need, Parameter, Passing, Service, expand};
use crate::errors::Errors;

/// Checks everything that can be wrong with a service.
///
/// # Errors
///
/// If anything is wrong, here or before, gives back what the user's function becomes then.
pub(super) fn check(parsed: Parsed, errors: &mut Errors) -> Result<Service, TokenStream> {
    let Parsed { function, name, parameters } = parsed;
    signature(&function.sig, errors);
    if name.is_none() {
        default_name(&function.sig.ident, errors);
    }
    let parameters = Parameters::default().check(parameters, errors);
    match returned(&function.sig, errors) {
        Some(output) if errors.is_empty() => Ok(Service { output: output.clone(), function, name, parameters }),
        // A method's type cannot stand beside it.
        _ if function.sig.receiver().is_some() => Err(function.into_token_stream()),
        _ => Err(expand::stand_in(&function)),
    }
}

/// Checks what stands before and after the parameters.
fn signature(signature: &Signature, errors: &mut Errors) {
    if signature.asyncness.is_none() {
        errors.push(signature.fn_token, "a service is an `async fn`");
    }
    if let Some(keyword) = signature.constness {
        errors.push(keyword, "a service is not `const`");
    }
    match signature.safety {
        Safety::Unsafe(keyword) => errors.push(keyword, "a service is not `unsafe`: zato could not keep its promises"),
        Safety::Safe(keyword) => errors.push(keyword, "a service is not `safe`: that is for foreign functions"),
        Safety::Default => {}
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, "a service is not `extern`: it is called from Rust");
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "a service has a fixed number of parameters");
    }
    for parameter in &signature.generics.params {
        errors.push(parameter, "a service is not generic: one name stands for one input and one output");
    }
}

/// Checks that the function's own name can stand at the end of the service's.
fn default_name(function: &Ident, errors: &mut Errors) {
    if !function.unraw().to_string().is_ascii() {
        errors.push(
            function,
            "a service's name is ASCII, and this one's comes from its function: add `(name = \"...\")`",
        );
    }
}

/// Checks the return type, and returns it.
fn returned<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<&'a Type> {
    let ReturnType::Type(_, ty) = &signature.output else {
        errors.push(&signature.ident, "a service returns `zato::Result<...>`, or `zato::Result<()>` for nothing");
        return None;
    };
    no_impl_trait(ty, errors);
    no_borrow(ty, errors);
    Some(ty)
}

/// Refuses `impl Trait`, which has no name that the definition could mention.
fn no_impl_trait(ty: &Type, errors: &mut Errors) {
    if let Some(keyword) = find_impl(ty.to_token_stream()) {
        errors.push(keyword, "a service names its types: `impl Trait` is a different type for every caller");
    }
}

/// Looks for the word `impl` at any depth.
fn find_impl(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "impl" => Some(ident),
        TokenTree::Group(group) => find_impl(group.stream()),
        _ => None,
    })
}

/// Refuses borrowed data in what goes in and out: it outlives the bytes that it came in, and the call.
fn no_borrow(ty: &Type, errors: &mut Errors) {
    if let Some(borrow) = find_borrow(ty.to_token_stream()) {
        errors.push(borrow, "a service owns what it takes and returns: no references, no lifetimes but `'static`");
    }
}

/// Looks for a `&` or a lifetime at any depth, unless it is `'static`.
fn find_borrow(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_before_tick = matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '\'');
        match (&token, tokens.peek()) {
            (TokenTree::Punct(tick), Some(TokenTree::Ident(name))) if tick.as_char() == '\'' && name != "static" => {
                return Some(quote!(#token #name));
            }
            (TokenTree::Punct(and), _) if and.as_char() == '&' && !is_before_tick => return Some(quote!(#token)),
            (TokenTree::Group(group), _) => {
                if let Some(found) = find_borrow(group.stream()) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// What was seen while the parameters are checked from left to right.
#[derive(Default)]
struct Parameters {
    context: Option<String>,
    input: Option<String>,
    delivery: Option<String>,
}

impl Parameters {
    /// Says what each parameter is.
    fn check(mut self, marked: Vec<Marked>, errors: &mut Errors) -> Vec<Parameter> {
        marked.into_iter().enumerate().filter_map(|(index, marked)| self.parameter(index, marked, errors)).collect()
    }

    fn parameter(&mut self, index: usize, marked: Marked, errors: &mut Errors) -> Option<Parameter> {
        let Marked { mark, pattern, ty } = marked;
        no_impl_trait(&ty, errors);
        let ty = bare(&ty).clone();
        match mark {
            Mark::Broken => None,
            Mark::Need(kind, at) => {
                let field = field(index, &pattern);
                let (ty, passing) = passing(ty, errors);
                Some(Parameter::Need(Need { field, ty, passing, kind, at }))
            }
            Mark::Delivery(at) => Some(self.delivery(&pattern, ty, at, errors)),
            Mark::Absent if is_context(referent(&ty)) => Some(self.context(&pattern, ty, errors)),
            Mark::Absent => Some(self.input(&pattern, ty, errors)),
        }
    }

    fn context(&mut self, pattern: &Pat, ty: Type, errors: &mut Errors) -> Parameter {
        if !matches!(&ty, Type::Reference(reference) if is_plain(reference) && is_context(&reference.elem)) {
            errors.push(&ty, "the context is taken as `&Context`");
        }
        if let Some(first) = &self.context {
            errors.push(quote!(#pattern: #ty), format!("a service has one context, and `{first}` is it"));
        } else {
            self.context = Some(pattern.to_token_stream().to_string());
        }
        Parameter::Context(ty)
    }

    fn input(&mut self, pattern: &Pat, ty: Type, errors: &mut Errors) -> Parameter {
        if let Some(first) = &self.input {
            let others = "a connection needs `#[out(\"...\")]` before it, \
                and so on with `#[config(\"...\")]`, `#[state]`, `#[invoke]`, `#[delivery]`";
            errors.push(quote!(#pattern: #ty), format!("a service has one input, and `{first}` is it; {others}"));
        } else {
            self.input = Some(pattern.to_token_stream().to_string());
            if let Type::Reference(reference) = &ty {
                let owned = reference.elem.to_token_stream();
                errors.push(&ty, format!("the input is taken by value: `{owned}`"));
            } else {
                no_borrow(&ty, errors);
            }
        }
        Parameter::Input(ty)
    }
}

impl Parameters {
    fn delivery(&mut self, pattern: &Pat, ty: Type, at: Span, errors: &mut Errors) -> Parameter {
        if let Some(first) = &self.delivery {
            errors.push(quote!(#pattern: #ty), format!("a service has one delivery, and `{first}` is it"));
        } else {
            self.delivery = Some(pattern.to_token_stream().to_string());
        }
        if let Type::Reference(reference) = &ty {
            let owned = reference.elem.to_token_stream();
            errors.push(&ty, format!("the delivery is taken by value, `{owned}`, so that it is settled once"));
        }
        Parameter::Delivery(ty, at)
    }
}

/// Says under which name the definition keeps what a parameter needs: the parameter's, if it has one.
fn field(index: usize, pattern: &Pat) -> Ident {
    match pattern {
        Pat::Ident(pattern) => pattern.ident.clone(),
        _ => format_ident!("__zato_parameter_{index}"),
    }
}

/// Says what a service needs, and how it takes it.
fn passing(ty: Type, errors: &mut Errors) -> (Type, Passing) {
    match ty {
        Type::Reference(reference) => {
            if !is_plain(&reference) {
                errors.push(&reference, "what a service needs is taken by value or by `&`");
            }
            (bare(&reference.elem).clone(), Passing::Borrowed)
        }
        ty => (ty, Passing::Cloned),
    }
}

/// Whether a reference is a `&` and no more, so that the definition can lend what it keeps.
fn is_plain(reference: &TypeReference) -> bool {
    reference.mutability.is_none() && reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident == "_")
}

/// Takes off the parentheses of `(T)`, and the invisible ones that a `macro_rules!` macro puts around a `$t:ty`.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// Looks through the references at the outside of a type.
fn referent(ty: &Type) -> &Type {
    match bare(ty) {
        Type::Reference(reference) => referent(&reference.elem),
        ty => ty,
    }
}

/// Whether a type is called `Context`, with or without a path.
fn is_context(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Context"))
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use super::super::parse::parse;
    use super::check;
    use crate::errors::Errors;

    /// Returns the mistakes in `#[service(arguments)] item`.
    fn mistakes(arguments: &str, item: &str) -> String {
        let mut errors = Errors::default();
        let tokens = |text: &str| text.parse::<TokenStream>().unwrap();
        let checked = parse(tokens(arguments), tokens(item), &mut errors).and_then(|it| check(it, &mut errors));
        assert_eq!(checked.is_ok(), errors.is_empty(), "a service comes out exactly if nothing is wrong");
        errors.rendered()
    }

    #[test]
    fn accepts_what_is_right() {
        for (arguments, item) in [
            ("", "async fn f() -> Result<()> {}"),
            (
                "name = \"a.b\",",
                "pub(crate) async fn f(#[state] db: &Arc<Db>, c: &'_ a::Context, Page(x): Page<T>) -> R {}",
            ),
            ("", "async fn f(input: A<&'static [B<'static>]>) -> Result<(), &'static str> {}"),
            ("", "async fn f(#[state] call: fn(&str) -> &str) -> Result<()> {}"),
            (
                "",
                "async fn f(#[out(\"a b/c\")] context: &Context, #[invoke] #[allow(unused)] r#mod: Invoke<x>) -> R {}",
            ),
            ("", "async fn r#type() -> R {}"),
            ("name = \"ascii\"", "async fn größe() -> R {}"),
        ] {
            assert_eq!(mistakes(arguments, item), "", "{item}");
        }
    }

    #[test]
    fn refuses_the_wrong_items() {
        const FREE: &str = "a service is a free function and has no `self`";
        const GENERIC: &str = "a service is not generic: one name stands for one input and one output";
        const NAMED: &str = "a service names its types: `impl Trait` is a different type for every caller";
        for (item, expected) in [
            ("#[derive(Debug)] struct S;", "struct: #[service] goes on an `async fn`".to_owned()),
            (
                "#[service(name = \"a\")] #[zato::service] #[tarpc::service] async fn f() -> R {}",
                "# [service (name = \"a\")]: #[service] stands here already\n\
                 # [zato :: service]: #[service] stands here already"
                    .to_owned(),
            ),
            ("impl S {}", "impl: #[service] goes on an `async fn`".to_owned()),
            ("fn f() -> R {}", "fn: a service is an `async fn`".to_owned()),
            ("async fn f(&self) -> R {}", format!("& self: {FREE}")),
            ("async fn f(mut self: Box<Self>) -> R {}", format!("mut self : Box < Self >: {FREE}")),
            ("async fn f<'a, T: Send>() -> R {}", format!("'a: {GENERIC}\nT : Send: {GENERIC}")),
            ("const async fn f() -> R {}", "const: a service is not `const`".to_owned()),
            (
                "async unsafe fn f() -> R {}",
                "unsafe: a service is not `unsafe`: zato could not keep its promises".to_owned(),
            ),
            (
                "async extern \"C\" fn f() -> R {}",
                "extern \"C\": a service is not `extern`: it is called from Rust".to_owned(),
            ),
            ("async fn f(input: Vec<impl Send>) -> R {}", format!("impl: {NAMED}")),
            ("async fn f() -> Result<impl Send> {}", format!("impl: {NAMED}")),
            (
                "async fn f() {}",
                "f: a service returns `zato::Result<...>`, or `zato::Result<()>` for nothing".to_owned(),
            ),
            (
                "async fn größe() -> R {}",
                "größe: a service's name is ASCII, and this one's comes from its function: add `(name = \"...\")`"
                    .to_owned(),
            ),
        ] {
            assert_eq!(mistakes("", item), expected, "{item}");
        }
    }

    #[test]
    fn refuses_the_wrong_parameters() {
        const ONE_INPUT: &str = "a service has one input, and `a` is it; a connection needs `#[out(\"...\")]` before it, \
                                 and so on with `#[config(\"...\")]`, `#[state]`, `#[invoke]`, `#[delivery]`";
        const OUT: &str = "write `#[out(\"name of the connection\")]`";
        const TWO: &str = "a parameter has one attribute only, and this one has two";
        const OWNED: &str = "a service owns what it takes and returns: no references, no lifetimes but `'static`";
        const LENT: &str = "what a service needs is taken by value or by `&`";
        for (parameters, expected) in [
            ("a: A, b: B", format!("b : B: {ONE_INPUT}")),
            ("a: A, b: B, c: C", format!("b : B: {ONE_INPUT}\nc : C: {ONE_INPUT}")),
            ("a: &Context, b: &z::Context", "b : & z :: Context: a service has one context, and `a` is it".to_owned()),
            ("a: Context", "Context: the context is taken as `&Context`".to_owned()),
            ("a: &mut Context", "& mut Context: the context is taken as `&Context`".to_owned()),
            ("a: &'static Context", "& 'static Context: the context is taken as `&Context`".to_owned()),
            ("a: &&Context", "& & Context: the context is taken as `&Context`".to_owned()),
            ("a: &A", "& A: the input is taken by value: `A`".to_owned()),
            ("a: A<'_>", format!("'_: {OWNED}")),
            ("a: Vec<(A, &'b B)>", format!("'b: {OWNED}")),
            ("a: Vec<(A, &B)>", format!("&: {OWNED}")),
            ("#[out] a: A", format!("# [out]: {OUT}")),
            ("#[out()] a: A", format!("# [out ()]: {OUT}")),
            ("#[out(\" \")] a: A", format!("# [out (\" \")]: {OUT}")),
            ("#[out(a)] a: A", format!("# [out (a)]: {OUT}")),
            ("#[out(\"a\", \"b\")] a: A", format!("# [out (\"a\" , \"b\")]: {OUT}")),
            ("#[out = \"a\"] a: A", format!("# [out = \"a\"]: {OUT}")),
            ("#[config] a: A", "# [config]: write `#[config(\"name of the configuration\")]`".to_owned()),
            (
                "#[state(\"x\")] a: A",
                "# [state (\"x\")]: #[state] takes no name: the value is found by its type".to_owned(),
            ),
            (
                "#[invoke(\"x\")] a: A",
                "# [invoke (\"x\")]: #[invoke] takes no name: the service is in the type, `Invoke<other>`".to_owned(),
            ),
            (
                "#[outt(\"x\")] a: A",
                "# [outt (\"x\")]: unknown attribute `#[outt]`; did you mean `#[out(\"...\")]`?".to_owned(),
            ),
            (
                "#[z::state] a: A",
                "# [z :: state]: unknown attribute `#[z::state]`; did you mean `#[state]`?".to_owned(),
            ),
            (
                "#[rest] a: A",
                "# [rest]: unknown attribute `#[rest]` on a parameter; \
                 there are `#[out(\"...\")]`, `#[config(\"...\")]`, `#[state]`, `#[invoke]`, `#[delivery]`"
                    .to_owned(),
            ),
            (
                "#[cfg(x)] a: A",
                "# [cfg (x)]: a service has all its parameters always: put `#[cfg]` on the function".to_owned(),
            ),
            ("#[out(\"a\")] #[state] a: A", format!("# [state]: {TWO}")),
            ("#[out] #[state] a: A", format!("# [out]: {OUT}")),
            ("#[state] a: &mut A", format!("& mut A: {LENT}")),
            ("#[state] a: &'static A", format!("& 'static A: {LENT}")),
        ] {
            assert_eq!(mistakes("", &format!("async fn f({parameters}) -> R {{}}")), expected, "{parameters}");
        }
    }

    #[test]
    fn refuses_the_wrong_deliveries() {
        for (parameters, expected) in [
            ("#[delivery] a: &A", "& A: the delivery is taken by value, `A`, so that it is settled once"),
            ("#[delivery] a: A, #[delivery] b: B", "b : B: a service has one delivery, and `a` is it"),
            (
                "#[delivery(\"a\")] a: A",
                "# [delivery (\"a\")]: #[delivery] takes no name: it is the message that the service is called with",
            ),
            ("#[delivery] #[state] a: A", "# [state]: a parameter has one attribute only, and this one has two"),
        ] {
            assert_eq!(mistakes("", &format!("async fn f({parameters}) -> R {{}}")), expected, "{parameters}");
        }
    }

    #[test]
    fn refuses_the_wrong_arguments() {
        const LITERAL: &str = "a service's name is a string literal: `name = \"api.user.get-details\"`";
        for (arguments, expected) in [
            ("nmae = \"x\"", "nmae: unknown service argument `nmae`; did you mean `name`?".to_owned()),
            ("timeout = 5", "timeout: unknown service argument `timeout`; there is only `name = \"...\"`".to_owned()),
            ("\"a.b\"", "\"a.b\": expected `name = \"a.b\"`".to_owned()),
            ("name =", "name =: expected `name = \"...\"`".to_owned()),
            ("name = 5", format!("5: {LITERAL}")),
            ("name = NAME", format!("NAME: {LITERAL}")),
            ("name(\"x\")", format!("name (\"x\"): {LITERAL}")),
            ("name", format!("name: {LITERAL}")),
            ("name = \"a\", name = \"b\"", "name = \"b\": the name is given twice".to_owned()),
            (
                "name = \"a.\"",
                "\"a.\": a service's name must have no empty segment: something is missing after the last dot"
                    .to_owned(),
            ),
        ] {
            assert_eq!(mistakes(arguments, "async fn f() -> R {}"), expected, "{arguments}");
        }
    }

    #[test]
    fn reports_every_mistake() {
        let found = mistakes("nmae = 5, name = \"\"", "fn f(c: Context, a: A, #[out] b: B, d: D) {}");
        insta::assert_snapshot!(found, @r##"
        nmae: unknown service argument `nmae`; did you mean `name`?
        "": a service's name must not be empty
        # [out]: write `#[out("name of the connection")]`
        fn: a service is an `async fn`
        Context: the context is taken as `&Context`
        d : D: a service has one input, and `a` is it; a connection needs `#[out("...")]` before it, and so on with `#[config("...")]`, `#[state]`, `#[invoke]`, `#[delivery]`
        f: a service returns `zato::Result<...>`, or `zato::Result<()>` for nothing
        "##);
    }
}
