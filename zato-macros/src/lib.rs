//! The attributes `#[service]` and `#[model]` of zato.
//!
//! Applications use them through the facade crate, as `zato::service` and `zato::model`; what they emit names
//! everything by absolute paths such as `::zato::Service`. The expansion is glue without logic: a rule that
//! is not about syntax lives in `zato-core`.
//!
//! Either macro goes the same way: parse, check, expand. All mistakes of one item are reported in one compilation,
//! each on the token that it is about, and the item itself is always given back.

mod arguments;
mod errors;
mod model;
mod nearest;
#[cfg(test)]
mod rendered;
mod service;

use proc_macro::TokenStream;

/// Makes an `async fn` a service.
///
/// The function stays an ordinary function, which a unit test calls with fakes. Beside it stands a type of the same
/// name that carries the service's definition: its name, its documentation, its input and output, and every
/// connection and configuration that it needs. `services![get_details]` registers it.
///
/// The name is given as `#[service(name = "api.user.get-details")]`: at most 200 ASCII letters, digits, `-` and `_`,
/// in segments with dots between them, not starting with `zato.`. Without one it is the function's path without the
/// crate: `crate::api::user::get_details` is `api.user.get-details`.
///
/// # Parameters
///
/// They come in any order, and none is mandatory:
///
/// | parameter | what it receives |
/// |---|---|
/// | `ctx: &Context` | the request's context |
/// | `input: GetUser` | the input, a model; any one parameter without an attribute |
/// | `#[out("CRM")] crm: Rest` | a handle to the outgoing connection of that name |
/// | `#[config("tutorial")] tutorial: UserConfig` | the configuration of that name |
/// | `#[state] db: Arc<Db>` | the value of that type which the embedding application handed in |
/// | `#[invoke] other: Invoke<other>` | another service, to be called typed |
/// | `#[delivery] delivery: Delivery` | what settles the message of a broker; `Option<Delivery>` where others call, too |
///
/// What has an attribute is taken by value or by reference, as the function likes it: `crm: Rest` or `crm: &Rest`; only a
/// delivery by value, since it is settled once.
/// The function returns `zato::Result<...>`, or any `Result` whose error converts into `zato::Error`.
///
/// # Examples
///
/// ```ignore
/// // Not compiled here, because the macros' crate does not know the facade: see the documentation of `zato`.
/// /// Returns details of a user.
/// #[zato::service(name = "api.user.get-details")]
/// pub async fn get_details(input: GetUser, #[out("CRM")] crm: Rest) -> zato::Result<UserDetails> {
///     crm.get("/users/{user_name}").path("user_name", &input.user_name).send().await?.json().await
/// }
/// ```
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::service(arguments.into(), item.into()).into()
}

/// Makes a struct or an enum a model: what a service takes as its input or returns as its output.
///
/// The attribute derives serialization, deserialization and a schema with the right paths, so that an application
/// depends on `zato` alone. `#[serde(...)]` and `#[schemars(...)]` attributes work as they do beside their own
/// derives, and documentation comments become descriptions in the schema. A named field that is `None` is left out
/// of what is written.
///
/// It goes on structs with named fields, on tuple structs with one field, and on enums. Type parameters are models
/// themselves: `Page<T>` is a model for every model `T`.
///
/// | word | what it does |
/// |---|---|
/// | `#[model(coerce)]` | reads JSON leniently: `"222"` for an integer, `"yes"` for a boolean |
/// | `#[model(deny_unknown)]` | refuses keys that the model does not have, instead of ignoring them |
/// | `#[model(xml(name = "LT_RATES", namespace = "urn:x"))]` | what its element is called in XML, and the namespace of its elements |
///
/// On a field of a struct:
///
/// | word | what it does |
/// |---|---|
/// | `#[model(xml(attribute))]` | in XML it is an attribute of the struct's element |
/// | `#[model(xml(text))]` | in XML it is the text of the struct's element, which has only attributes beside it |
/// | `#[model(xml(name = "Rate"))]` | what it is called in XML, if not what it is called everywhere |
/// | `#[model(xml(item = "rate"))]` | in XML a list has an element of its own, and each item is one of this name in it |
/// | `#[model(xml(namespace = "urn:x"))]` | the namespace of its element |
/// | `#[model(secret)]` | its value is never repeated, in a fault or anywhere else |
/// | `#[model(length(min = 1, max = 64))]` | the length of a text in characters, of a list or a map in items |
/// | `#[model(range(min = 1, max = 8))]` | between what a number is; of dates, times and decimals also as texts |
/// | `#[model(pattern("^[A-Z]+$"))]`, `email`, `url` | what a text looks like; needs the feature `validation` |
/// | `#[model(custom(check))]` | a function that is shown the value; also above the model, which is shown all of it |
/// | `#[model(inner(...))]` | constraints of the items of a list or a map |
///
/// # Examples
///
/// ```ignore
/// // Not compiled here, because the macros' crate does not know the facade: see the documentation of `zato`.
/// /// Which user to look up.
/// #[zato::model(deny_unknown)]
/// pub struct GetUser {
///     /// Login name, as the CRM knows it.
///     pub user_name: String,
///     /// Which of the user's accounts, all of them if absent.
///     pub account: Option<u64>,
/// }
/// ```
#[proc_macro_attribute]
pub fn model(arguments: TokenStream, item: TokenStream) -> TokenStream {
    model::model(arguments.into(), item.into()).into()
}
