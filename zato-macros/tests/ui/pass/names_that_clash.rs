//! Parameters that are called like what the expansion might call its own, and constants that such names would match.

#![expect(non_upper_case_globals, dead_code, reason = "constants that a name in the expansion would match")]
#![deny(unused_variables)]

use zato::loopback::Loopback;
use zato::{Context, Result, UserConfig, model, service, services};

#[model]
struct Input {
    input: u32,
}

const binder: u32 = 1;
const context: u32 = 2;
const output: u32 = 3;
const need: u32 = 4;

#[service]
async fn call(
    input: &Context,
    ctx: Input,
    #[out("a")] call: Loopback,
    #[out("b")] self_: &Loopback,
    #[config("c")] definition: UserConfig,
    #[state] bind: u32,
    #[state] r#type: u64,
) -> Result<()> {
    let _ = (input, ctx, call, self_, definition, bind, r#type);
    Ok(())
}

#[service]
async fn definition(definition: Input) -> Result<()> {
    let _ = definition;
    Ok(())
}

#[service]
async fn bind() -> Result<()> {
    Ok(())
}

/// Types and names that come out of a macro carry invisible parentheses.
macro_rules! generated {
    ($name:ident, $text:literal, $context:ty, $input:ty, $handle:ty, $connection:literal) => {
        #[service(name = $text)]
        async fn $name(ctx: $context, input: $input, #[out($connection)] handle: $handle) -> Result<()> {
            let _ = (ctx, input, handle);
            Ok(())
        }
    };
}

generated!(from_a_macro, "api.from-a-macro", &Context, Input, &Loopback, "CRM");

/// Runs what is to be seen at run time.
pub(super) fn main() {
    let _ = services![call, definition, bind, from_a_macro];
}
