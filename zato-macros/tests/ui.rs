//! What the compiler makes of `#[service]` and `#[model]`: programs that compile, and mistakes with what is said about
//! each.
//!
//! The programs are modules of this test rather than cases of trybuild: with one that passes, trybuild builds every
//! case by itself, which takes minutes instead of seconds.

#[path = "ui/pass/every_parameter_kind.rs"]
pub mod every_parameter_kind;
#[path = "ui/pass/generic_model.rs"]
mod generic_model;
#[path = "ui/pass/names_that_clash.rs"]
mod names_that_clash;
#[path = "ui/pass/no_implicit_prelude.rs"]
mod no_implicit_prelude;
#[path = "ui/pass/private_and_nested_modules.rs"]
pub mod private_and_nested_modules;

#[test]
fn accepts_what_is_right() {
    every_parameter_kind::main();
    generic_model::main();
    names_that_clash::main();
    no_implicit_prelude::main();
    private_and_nested_modules::main();
}

/// After a change that is meant, `TRYBUILD=overwrite` writes the new messages: read every one as a newcomer would.
#[test]
fn explains_mistakes() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
