//! Who may name whom: the dependency rules of the workspace, of the rooms of `zato-core`, and of what uses zato.
//!
//! Modules are read as tokens, not compiled: comments, documentation, strings and `#[cfg(test)]` items do not count.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use cargo_metadata::{DependencyKind, MetadataCommand};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The rooms of `zato-core`, in the order in which a message meets them. Each may name those before it.
const ROOMS: [&str; 20] = [
    "error",
    "message",
    "ambient",
    "config",
    "rate",
    "metrics",
    "resilience",
    "model",
    "format",
    "security",
    "lock",
    "connection",
    "cache",
    "inspect",
    "channel",
    "layer",
    "service",
    "router",
    "app",
    "testing",
];

/// Where everything meets, and the kit that stands in for any of it.
const NAMES_ALL: [&str; 2] = ["app", "testing"];

/// What a room does not name although it stands before it: a connection knows its remote system, a channel knows
/// messages, replies, and of connections what it shares with them.
const NEVER: [(&str, &[&str]); 2] =
    [("connection", &["message", "channel", "service"]), ("channel", &["model", "service"])];

/// Client and server libraries, each of which has a connector crate of its own.
const DRIVERS: [&str; 6] = ["hyper", "reqwest", "lapin", "redis", "sqlx", "opendal"];

/// Cryptography for TLS, and the library that is built with one of them.
const PROVIDERS: [&str; 4] = ["aws-lc-rs", "ring", "rustls", "openssl"];

#[test]
fn crates_depend_on_what_they_may() -> Result<()> {
    let packages = packages()?;
    assert!(packages.iter().any(|package| package.name == "zato-core"), "the workspace's packages were not found");
    assert_none(&crate_faults(&packages));
    Ok(())
}

#[test]
fn rooms_name_only_rooms_before_them() -> Result<()> {
    let sources = sources(&root().join("zato-core/src"), "zato-core/src")?;
    assert!(sources.iter().any(|source| source.modules.is_empty()), "zato-core/src/lib.rs was not found");
    assert_none(&room_faults(&sources));
    Ok(())
}

#[test]
fn users_of_zato_name_zato_alone() -> Result<()> {
    let packages = packages()?;
    for folder in ["examples", "tests", "benches"] {
        assert_none(&user_faults(&sources(&root().join(folder), folder)?, &packages));
    }
    Ok(())
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} against the rules:\n{}", faults.len(), faults.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

// Crates.

/// A package of the workspace.
struct Package {
    name: String,
    /// From the workspace's root; empty for the facade.
    folder: String,
    manifest: String,
    /// Name, and whether it is optional. Development dependencies are exempt.
    dependencies: Vec<(String, bool)>,
}

fn packages() -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let mut packages = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().ok_or("a manifest lies in a folder")?;
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        packages.push(Package {
            name: package.name.to_string(),
            folder: folder.strip_prefix(&metadata.workspace_root)?.to_string(),
            manifest: fs::read_to_string(&package.manifest_path)?,
            dependencies: normal.map(|dependency| (dependency.name.clone(), dependency.optional)).collect(),
        });
    }
    Ok(packages)
}

fn crate_faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        for (dependency, optional) in &package.dependencies {
            if let Some(rule) = broken_rule(packages, package, dependency, *optional) {
                let manifest = format!("{}/Cargo.toml", package.folder);
                let line = line_of(&package.manifest, dependency);
                faults.push(format!("{}:{line}: names `{dependency}`; {rule}", manifest.trim_start_matches('/')));
            }
        }
    }
    faults
}

/// The rule that the package breaks with this dependency.
fn broken_rule(packages: &[Package], package: &Package, dependency: &str, optional: bool) -> Option<&'static str> {
    let ours = packages.iter().find(|package| package.name == dependency);
    let connector = |folder: &str| folder.starts_with("zato-connectors/");
    let (kept, rule) = match package.folder.as_str() {
        "" => (
            optional || !ours.is_some_and(|ours| connector(&ours.folder)),
            "the facade has a feature for each connector",
        ),
        "zato-macros" => {
            let is_for_a_feature = optional && dependency == "regex-syntax";
            let kept = is_for_a_feature || ["proc-macro2", "quote", "syn"].contains(&dependency);
            (kept, "zato-macros uses proc-macro2, quote and syn alone, and regex-syntax for a feature")
        }
        "zato-core" if ours.is_some() => (false, "zato-core depends on no zato crate"),
        "zato-core" => (!is_driver(dependency), "zato-core knows no protocol and no driver"),
        "xtask" => (ours.is_none(), "xtask builds while the rest does not"),
        "zato-tls" if ours.is_some() => {
            (dependency == "zato-core", "of the zato crates, zato-tls depends on zato-core alone")
        }
        "zato-tls" => (true, ""),
        // Which cryptography there is in a program is decided in one place.
        _ if PROVIDERS.contains(&dependency) => (false, "zato-tls alone chooses the provider of cryptography"),
        folder if connector(folder) => (
            ours.is_none() || dependency == "zato-core" || (dependency == "zato-tls" && optional),
            "of the zato crates, a connector depends on zato-core, and for a feature on zato-tls",
        ),
        _ => (ours.is_none() || dependency == "zato", "what is no part of zato depends on zato alone"),
    };
    (!kept).then_some(rule)
}

/// Also `hyper-util` and `deadpool-redis`.
fn is_driver(dependency: &str) -> bool {
    dependency.split(['-', '_']).any(|word| DRIVERS.contains(&word))
}

/// Where the manifest has that dependency; 0 if it is written in a way that this does not see.
fn line_of(manifest: &str, dependency: &str) -> usize {
    let lines = manifest.lines().enumerate().skip_while(|(_, line)| *line != "[dependencies]");
    let is_it = |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    lines.into_iter().find(|(_, line)| is_it(line)).map_or(0, |(index, _)| index + 1)
}

// Rooms.

/// A file of Rust.
struct Source {
    path: String,
    /// The module that it is: `["config", "yaml"]`; empty for `lib.rs`.
    modules: Vec<String>,
    tokens: TokenStream,
}

impl Source {
    fn parse(path: &str, inside: &str, text: &str) -> Result<Self> {
        let tokens = text.parse().map_err(|error| format!("{path}: {error}"))?;
        let modules = inside.trim_end_matches(".rs").split('/').filter(|name| !matches!(*name, "mod" | "lib"));
        Ok(Self { path: path.to_owned(), modules: modules.map(str::to_owned).collect(), tokens })
    }
}

/// All Rust files below a folder, in the order of their paths; none if there is no such folder.
fn sources(folder: &Path, shown: &str) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(inner) = folders.pop() {
        let inner_folder = folder.join(&inner);
        let entries = if inner_folder.exists() { Some(fs::read_dir(inner_folder)?) } else { None };
        for entry in entries.into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inside = if inner.is_empty() { name } else { format!("{inner}/{name}") };
            if entry.path().is_dir() {
                folders.push(inside);
            } else if inside.ends_with(".rs") {
                sources.push(Source::parse(&format!("{shown}/{inside}"), &inside, &fs::read_to_string(entry.path())?)?);
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn room_faults(sources: &[Source]) -> Vec<String> {
    let exported = sources.iter().find(|source| source.modules.is_empty()).map(exports).unwrap_or_default();
    let mut tests = Vec::new();
    let mut named = Vec::new();
    for source in sources {
        let mut reader = Reader { file: source, named: Vec::new(), tests: Vec::new() };
        reader.read(source.tokens.clone(), source.modules.len());
        named.push((source, reader.named));
        tests.extend(reader.tests);
    }
    named.retain(|(source, _)| !tests.iter().any(|test| source.modules.starts_with(test)));
    let mut faults = Vec::new();
    for (source, named) in named {
        let Some(room) = source.modules.first() else { continue };
        if !ROOMS.contains(&room.as_str()) {
            faults.push(format!(
                "{}:1: is in `{room}`; each file is in a room, and the rooms have an order",
                source.path
            ));
            continue;
        }
        for (name, line) in named {
            // A name that the crate's root re-exports is a name of the room that has it.
            let other = exported.get(&name).unwrap_or(&name);
            if let Some(rule) = broken_order(room, other) {
                faults.push(format!("{}:{line}: names `crate::{name}` of `{other}`; {rule}", source.path));
            }
        }
    }
    faults
}

fn broken_order(room: &str, other: &str) -> Option<String> {
    let place = |name: &str| ROOMS.iter().position(|room| *room == name);
    let (Some(here), Some(there)) = (place(room), place(other)) else { return None };
    let never = NEVER.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, never)| *never);
    if never.contains(&other) {
        return Some(format!("`{room}` never names {}", never.join(", ")));
    }
    let rule = || format!("`{room}` names only rooms before it: {}", ROOMS.get(..here).unwrap_or_default().join(", "));
    (there > here && !NAMES_ALL.contains(&room)).then(rule)
}

/// What `lib.rs` re-exports, and from which room.
fn exports(library: &Source) -> BTreeMap<String, String> {
    let mut exported = BTreeMap::new();
    let tokens: Vec<TokenTree> = library.tokens.clone().into_iter().collect();
    for statement in tokens.split(|token| is_punct(token, ';')) {
        // The last one, since items with a body end without a semicolon.
        if let Some(start) = statement.iter().rposition(|token| is_ident(token, "use")) {
            leaves(statement.get(start + 1..).unwrap_or_default(), None, &mut exported);
        }
    }
    exported
}

/// Takes a `use` apart: `a::{b, c::d as e}` gives b and e, both of a.
fn leaves(tree: &[TokenTree], room: Option<&str>, into: &mut BTreeMap<String, String>) {
    let mut room = room.map(str::to_owned);
    let mut last = None;
    for token in tree {
        match token {
            TokenTree::Group(group) => {
                return elements(group).iter().for_each(|tree| leaves(tree, room.as_deref(), into));
            }
            TokenTree::Ident(ident) if !matches!(ident.to_string().as_str(), "crate" | "self") => {
                last = Some(ident.to_string());
                room = room.or_else(|| last.clone());
            }
            _ => {}
        }
    }
    into.extend(last.zip(room));
}

/// Finds what a file names of its own crate.
struct Reader<'a> {
    file: &'a Source,
    /// The first segment after `crate::`, and its line.
    named: Vec<(String, usize)>,
    /// The modules that are compiled for tests only.
    tests: Vec<Vec<String>>,
}

impl Reader<'_> {
    /// Reads tokens that stand `depth` modules below the crate's root.
    fn read(&mut self, tokens: TokenStream, depth: usize) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let [first, after @ ..] = rest {
            rest = match (first, after) {
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), item @ ..])
                    if hash.as_char() == '#' && is_cfg_test(attribute.stream()) =>
                {
                    self.skip(item)
                }
                (TokenTree::Punct(hash), [TokenTree::Punct(bang), TokenTree::Group(attribute), ..])
                    if hash.as_char() == '#' && bang.as_char() == '!' && is_cfg_test(attribute.stream()) =>
                {
                    return;
                }
                (TokenTree::Ident(keyword), [TokenTree::Ident(_), TokenTree::Group(body), after @ ..])
                    if keyword == "mod" =>
                {
                    self.read(body.stream(), depth + 1);
                    after
                }
                (TokenTree::Group(group), after) => {
                    self.read(group.stream(), depth);
                    after
                }
                (TokenTree::Ident(ident), after) => {
                    match after_separator(after) {
                        Some(path) if ident == "crate" => self.follow(path, 0),
                        Some(_) if ident == "super" => self.follow(rest, depth),
                        _ => {}
                    }
                    after
                }
                (_, after) => after,
            };
        }
    }

    /// Follows a path that begins `up` modules below the crate's root, and notes what it names there.
    fn follow(&mut self, path: &[TokenTree], up: usize) {
        match path {
            [TokenTree::Group(group), ..] => elements(group).iter().for_each(|path| self.follow(path, up)),
            [TokenTree::Ident(ident), after @ ..] if ident == "super" => {
                if let (Some(after), Some(up)) = (after_separator(after), up.checked_sub(1)) {
                    self.follow(after, up);
                }
            }
            [TokenTree::Ident(ident), ..] if up == 0 => {
                self.named.push((ident.to_string(), ident.span().start().line));
            }
            _ => {}
        }
    }

    /// Returns what comes after an item for tests. If that is a module with a file of its own, the file is for tests too.
    fn skip<'t>(&mut self, item: &'t [TokenTree]) -> &'t [TokenTree] {
        let is_end = |token: &TokenTree| is_punct(token, ';') || is_brace(token);
        let end = item.iter().position(is_end).unwrap_or(item.len());
        if let Some([.., TokenTree::Ident(keyword), TokenTree::Ident(name)]) = item.get(..end)
            && keyword == "mod"
        {
            let mut module = self.file.modules.clone();
            module.push(name.to_string());
            self.tests.push(module);
        }
        item.get(end + 1..).unwrap_or_default()
    }
}

/// `cfg(test)`, or `cfg(all(test, ...))`; not `cfg(any(test, ...))`, which is compiled for others as well.
fn is_cfg_test(attribute: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(word), TokenTree::Group(group)] if word == "cfg" || word == "all" => {
            elements(group).iter().any(|condition| match condition.as_slice() {
                [test] if is_ident(test, "test") => true,
                condition => is_cfg_test(condition.iter().cloned().collect()),
            })
        }
        _ => false,
    }
}

/// What stands between the commas of a group.
fn elements(group: &proc_macro2::Group) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    tokens.split(|token| is_punct(token, ',')).map(<[TokenTree]>::to_vec).collect()
}

fn after_separator(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    let [first, second, after @ ..] = tokens else { return None };
    (is_punct(first, ':') && is_punct(second, ':')).then_some(after)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_brace(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

// Users.

fn user_faults(sources: &[Source], packages: &[Package]) -> Vec<String> {
    let inner = packages.iter().map(|package| package.name.replace('-', "_")).filter(|name| name.starts_with("zato_"));
    let inner: Vec<String> = inner.collect();
    let mut faults = Vec::new();
    for source in sources {
        let mut streams = vec![source.tokens.clone()];
        while let Some(stream) = streams.pop() {
            for token in stream {
                match token {
                    TokenTree::Group(group) => streams.push(group.stream()),
                    TokenTree::Ident(ident) if inner.contains(&ident.to_string()) => faults.push(format!(
                        "{}:{}: names `{ident}`; examples, tests and benches name `zato` alone, as users do",
                        source.path,
                        ident.span().start().line
                    )),
                    _ => {}
                }
            }
        }
    }
    faults
}

// The rules themselves: what is planted is found, and nothing else.

#[test]
fn planted_dependencies_are_found() {
    let package = |name: &str, folder: &str, dependencies: &[(&str, bool)]| Package {
        name: name.to_owned(),
        folder: folder.to_owned(),
        manifest: "[package]\n[dependencies]\nserde.workspace = true\nhyper-util = \"1\"\n".to_owned(),
        dependencies: dependencies.iter().map(|(name, optional)| ((*name).to_owned(), *optional)).collect(),
    };
    let faults = crate_faults(&[
        package("zato", "", &[("zato-core", false), ("zato-rest", true), ("zato-amqp", false)]),
        package("zato-core", "zato-core", &[("serde", false), ("hyper-util", false), ("zato-macros", false)]),
        package("zato-macros", "zato-macros", &[("syn", false), ("serde", false)]),
        package("zato-rest", "zato-connectors/rest", &[("zato-core", false), ("hyper", false), ("zato-amqp", true)]),
        package("zato-amqp", "zato-connectors/amqp", &[("zato", false), ("zato-tls", true), ("ring", true)]),
        package("zato-redis", "zato-connectors/redis", &[("zato-tls", false)]),
        package("zato-tls", "zato-tls", &[("ring", false), ("zato-core", false), ("zato-rest", false)]),
        package("xtask", "xtask", &[("clap", false), ("zato-core", false)]),
        package("bank", "examples/bank", &[("zato", false), ("zato-core", false)]),
    ]);
    assert_eq!(
        faults,
        [
            "Cargo.toml:0: names `zato-amqp`; the facade has a feature for each connector",
            "zato-core/Cargo.toml:4: names `hyper-util`; zato-core knows no protocol and no driver",
            "zato-core/Cargo.toml:0: names `zato-macros`; zato-core depends on no zato crate",
            "zato-macros/Cargo.toml:3: names `serde`; zato-macros uses proc-macro2, quote and syn alone, and regex-syntax for a feature",
            "zato-connectors/rest/Cargo.toml:0: names `zato-amqp`; of the zato crates, a connector depends on zato-core, and for a feature on zato-tls",
            "zato-connectors/amqp/Cargo.toml:0: names `zato`; of the zato crates, a connector depends on zato-core, and for a feature on zato-tls",
            "zato-connectors/amqp/Cargo.toml:0: names `ring`; zato-tls alone chooses the provider of cryptography",
            "zato-connectors/redis/Cargo.toml:0: names `zato-tls`; of the zato crates, a connector depends on zato-core, and for a feature on zato-tls",
            "zato-tls/Cargo.toml:0: names `zato-rest`; of the zato crates, zato-tls depends on zato-core alone",
            "xtask/Cargo.toml:0: names `zato-core`; xtask builds while the rest does not",
            "examples/bank/Cargo.toml:0: names `zato-core`; what is no part of zato depends on zato alone",
        ]
    );
}

/// The faults of one file that lies in a crate whose `lib.rs` re-exports some names.
fn planted(inside: &str, text: &str) -> Vec<String> {
    let library = "pub mod service { }\npub use crate::service::{self, Context, raw::Raw as Bytes};";
    let files = [("lib.rs", library), (inside, text)];
    room_faults(&files.map(|(path, text)| Source::parse(path, path, text).expect("what is planted is Rust")))
}

#[test]
fn planted_names_are_found() {
    let fault = "message/cid.rs:2: names `crate::model` of `model`; `message` names only rooms before it: error";
    assert_eq!(planted("message/cid.rs", "\nuse crate::model::Model;"), [fault]);
    assert_eq!(planted("message/cid.rs", "\nuse crate::{error::{Error}, model};"), [fault]);
    assert_eq!(planted("message/cid.rs", "\nfn f() { let _ = crate::model::read(); }"), [fault]);
    assert_eq!(planted("message/cid.rs", "\nuse super::super::model;"), [fault]);
    assert_eq!(planted("message/cid.rs", "\nuse super::{super::{error, model}};"), [fault]);
    assert_eq!(planted("message/cid.rs", "\nmod a { use super::super::super::model; }"), [fault]);
    assert_eq!(planted("message/cid.rs", "\nmacro_rules! m { () => { $crate::model::X } }"), [fault]);
    assert_eq!(planted("message/cid.rs", "#[cfg(test)] use crate::app;\nuse crate::model;"), [fault]);
    assert_eq!(planted("message/cid.rs", "#[cfg(any(test, unix))]\nuse crate::model;"), [fault]);
}

#[test]
fn what_the_root_re_exports_belongs_to_its_room() {
    assert_eq!(planted("router/mod.rs", "use crate::{Context, Bytes};"), [""; 0]);
    let rule = "`format` names only rooms before it: error, message, ambient, config, rate, metrics, resilience, model";
    assert_eq!(
        planted("format/json.rs", "use crate::Context;\nuse crate::Bytes;"),
        [
            format!("format/json.rs:1: names `crate::Context` of `service`; {rule}"),
            format!("format/json.rs:2: names `crate::Bytes` of `service`; {rule}"),
        ]
    );
}

#[test]
fn some_rooms_know_less_than_their_place_allows() {
    let channel = "`channel` never names model, service";
    assert_eq!(
        planted("channel/mod.rs", "use crate::{message::Message, service::Context};\nuse crate::model;"),
        [
            format!("channel/mod.rs:1: names `crate::service` of `service`; {channel}"),
            format!("channel/mod.rs:2: names `crate::model` of `model`; {channel}"),
        ]
    );
    let connection = "`connection` never names message, channel, service";
    assert_eq!(
        planted("connection/slot.rs", "use crate::{config, security};\nuse crate::message::Cid;"),
        [format!("connection/slot.rs:2: names `crate::message` of `message`; {connection}")]
    );
}

#[test]
fn what_is_not_compiled_does_not_count() {
    let text = r##"
        //! [`crate::model`]
        /// Unlike `crate::model`, see [`crate::app::App`].
        fn f() -> &'static str { /* crate::model /* crate::app */ */ r#"use crate::model;"# }
        #[cfg(test)] #[derive(Debug)] struct T<A, B> { a: crate::app::App<A, B> }
        #[cfg(test)] use crate::app::App;
        #[cfg(all(test, unix))] mod tests { use crate::testing; }
        pub(super) use super::model;
    "##;
    assert_eq!(planted("message/cid.rs", text), [""; 0]);
    assert_eq!(planted("message/cid.rs", "#![cfg(test)]\nuse crate::model;"), [""; 0]);
    assert_eq!(planted("app/mod.rs", "use crate::testing::Clock;"), [""; 0]);
    assert_eq!(planted("testing/mod.rs", "use crate::{app, model};"), [""; 0]);
    let room = Source::parse("message/mod.rs", "message/mod.rs", "#[cfg(test)] mod robustness;").unwrap();
    let tests = Source::parse("message/robustness.rs", "message/robustness.rs", "use crate::app;").unwrap();
    assert_eq!(room_faults(&[room, tests]), [""; 0]);
}

#[test]
fn a_new_room_needs_a_place_in_the_order() {
    let fault = "utils/mod.rs:1: is in `utils`; each file is in a room, and the rooms have an order";
    assert_eq!(planted("utils/mod.rs", "use std::fmt;"), [fault]);
}

#[test]
fn planted_inner_crates_are_found() {
    let packages = ["zato", "zato-core"].map(|name| Package {
        name: name.to_owned(),
        folder: String::new(),
        manifest: String::new(),
        dependencies: Vec::new(),
    });
    let text = "//! zato_core\nuse zato::Result;\nmod a { const S: &str = \"zato_core\"; use zato_core::Error; }";
    let example = Source::parse("examples/a.rs", "a.rs", text).unwrap();
    assert_eq!(
        user_faults(&[example], &packages),
        ["examples/a.rs:3: names `zato_core`; examples, tests and benches name `zato` alone, as users do"]
    );
}
