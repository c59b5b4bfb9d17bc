//! The expansion names everything by absolute paths, and is not misled by what a user calls things.

#![no_implicit_prelude]
#![expect(dead_code, reason = "names that the expansion must not find")]
#![deny(unused_qualifications)]

struct Option;
struct Box;
trait Clone {}
trait Into {}
mod core {}
mod std {}
mod serde {}
mod schemars {}

// schemars' derive calls these methods without naming their traits; our own expansion needs no import.
use ::std::convert::{From as _, Into as _};

#[::zato::model(coerce, deny_unknown)]
struct GetUser {
    user_name: ::std::string::String,
    account: ::std::option::Option<u64>,
}

#[::zato::model]
struct Number(u32);

#[::zato::model]
enum Answer {
    Yes,
    Unless { reason: ::std::option::Option<Number> },
}

#[::zato::model]
struct Page<T> {
    items: ::std::vec::Vec<T>,
}

/// Docs.
#[::zato::service]
async fn first(input: GetUser) -> ::zato::Result<Page<Number>> {
    let _ = input;
    ::std::result::Result::Ok(Page { items: ::std::vec::Vec::new() })
}

#[::zato::service(name = "api.second")]
async fn second(
    ctx: &::zato::Context,
    #[out("CRM")] crm: ::zato::loopback::Loopback,
    #[config("tutorial")] tutorial: ::zato::UserConfig,
    #[state] count: u32,
    #[invoke] next: &::zato::Invoke<first>,
) -> ::zato::Result<()> {
    let _ = (ctx, crm, tutorial, count, next);
    ::std::result::Result::Ok(())
}

/// Runs what is to be seen at run time.
pub(super) fn main() {
    let _ = ::zato::services![first, second];
}
