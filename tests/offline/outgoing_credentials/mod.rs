//! What we present to partners, and whom we take for one: headers, tokens, certificates, and changes of all of them.

mod certificates;
mod changes;
mod headers;
mod partner;
mod tokens;
