//! User configuration: where it is, and what becomes of a file that can't be used while the app runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use arc_swap::ArcSwap;
use tracing::{info, warn};

use super::builder::{App, USER_CONFIG};
use crate::{
    ambient::Ambient,
    config::{
        ConfigFault, ConfigFaults, Document, FilePath, Files, Node, NodeKind, OneOrMany, Unusable, UserFiles,
        UserReading, UserSources, from_node,
    },
    connection::Connections,
    inspect::StaleConfig,
    service::{Binder, NeedKind, State},
};

/// The key of the section that names folders; every other one is the name of a file.
const FOLDER: &str = "folder";

/// The folder beside the configuration that counts where none is named.
const DEFAULT_FOLDER: &str = "user-conf";

/// The `user_config` section: where services find configuration of their own.
///
/// Each further key is the name of a file, and its value the path, relative to the file that says so. The file need not
/// exist yet.
// Stands for the schema: it is read by hand, since a flattened map would lose the places.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "stands for its schema only")]
pub(super) struct UserConfigSection {
    /// A folder of files, or a list of folders, relative to the file that says so. A file whose name ends with .yaml,
    /// .yml, .toml, .ini or .conf is known by its name up to the first dot.
    #[schemars(default = "default_folder")]
    folder: Option<OneOrMany>,
    #[serde(flatten)]
    files: BTreeMap<String, FilePath>,
}

fn default_folder() -> &'static str {
    DEFAULT_FOLDER
}

/// What user configuration is now, and which of its files can't be used.
pub(super) struct Found {
    pub(super) files: UserFiles,
    told: Told,
}

/// What operators are told of a reading.
#[derive(Default)]
pub(super) struct Told {
    /// The files that can't be used as they are.
    stale: BTreeMap<String, Unusable>,
    /// Variables that replace nothing.
    unused: Vec<String>,
}

impl Found {
    /// Takes out what is for [`Stale::note`], once it is known what becomes of the configuration.
    pub(super) fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }
}

/// Reads every file. While the app runs, one that can't be used keeps the content that it had `before`; at its start,
/// nothing runs that could go on with anything.
pub(super) fn read(
    app: &App,
    (document, files): (&Document, &Files),
    base: Option<PathBuf>,
    before: Option<&UserFiles>,
    watched: &mut Vec<PathBuf>,
) -> Result<Found, ConfigFaults> {
    let sources = sources(document, files, base)?;
    watched.extend(sources.paths().cloned());
    let mut reading = sources.read(&*app.environment);
    let unused = std::mem::take(&mut reading.unused);
    let Some(before) = before else {
        return Ok(Found { files: reading.strict()?, told: Told { stale: BTreeMap::new(), unused } });
    };
    let (files, stale) = fitting(app, reading, before);
    Ok(Found { files, told: Told { stale, unused } })
}

/// Finds the folders and files that the section names.
fn sources(document: &Document, files: &Files, base: Option<PathBuf>) -> Result<UserSources, ConfigFaults> {
    let mut sources = UserSources::default();
    let default = base.map(|base| base.join(DEFAULT_FOLDER));
    let Some(section) = document.section(USER_CONFIG.name).map(|section| &section.value) else {
        return Ok(default.into_iter().fold(sources, UserSources::with_folder));
    };
    if !matches!(section.kind, NodeKind::Map(_)) {
        let message = "user_config is a map; write folder: and the name of a folder";
        return Err(ConfigFault::at(&section.origin, message).into());
    }
    match section.get(FOLDER) {
        None => sources = default.into_iter().fold(sources, UserSources::with_folder),
        Some(folders) => {
            let folders = if folders.items().is_empty() { std::slice::from_ref(folders) } else { folders.items() };
            for folder in folders {
                sources = sources.with_folder(files.resolve(&from_node::<FilePath>(folder)?));
            }
        }
    }
    let mut faults = ConfigFaults::new();
    for (key, value) in section.entries().iter().filter(|(key, _)| key.name != FOLDER) {
        let added = named(value, files).and_then(|(file, path)| sources.clone().with_file(&key.name, &file, path));
        sources = faults.keep(added).unwrap_or(sources);
    }
    faults.into_result(sources)
}

fn named(value: &Node, files: &Files) -> Result<(FilePath, PathBuf), ConfigFault> {
    let file: FilePath = from_node(value)?;
    let path = files.resolve(&file);
    Ok((file, path))
}

/// Leaves what a service can't be bound to as it was before: neither would the service run with it, nor would anybody want
/// all the rest of a configuration to wait for one file.
fn fitting(app: &App, reading: UserReading, before: &UserFiles) -> (UserFiles, BTreeMap<String, Unusable>) {
    let saved = reading.saved.clone();
    let (mut files, mut stale) = reading.over(before);
    let mut misfits = BTreeMap::new();
    {
        let (connections, state, services) = (Connections::default(), State::default(), BTreeSet::new());
        let binder = Binder { connections: &connections, user: &files, state: &state, services: &services };
        let needs = app.registrations.iter().flat_map(|one| one.definition.needs());
        for need in needs.filter(|need| need.kind() == NeedKind::Config) {
            if let Err(error) = need.check(&binder) {
                misfits.entry(need.name()).or_insert_with(|| ConfigFault::new(error.report().to_string()));
            }
        }
    }
    for (name, fault) in misfits {
        files.take_from(before, name);
        let saved = saved.get(name).cloned().unwrap_or_default();
        stale.entry(name.to_owned()).or_insert(Unusable { faults: fault.into(), saved });
    }
    (files, stale)
}

/// The files that can't be used as they are now, for operators.
#[derive(Default)]
pub(super) struct Stale(ArcSwap<Known>);

#[derive(Default)]
struct Known {
    files: BTreeMap<String, (StaleConfig, Vec<SystemTime>)>,
    /// Variables that replace nothing, or did so when they were told.
    unused: BTreeSet<String>,
}

impl Stale {
    /// Gives the files by their names.
    pub(super) fn files(&self) -> Vec<StaleConfig> {
        self.0.load().files.values().map(|(file, _)| file.clone()).collect()
    }

    /// Takes over what a reading has found, and logs what is new: each time that a file is saved, and not each time that
    /// it is read.
    pub(super) fn note(&self, Told { stale, unused }: Told, ambient: &Ambient) {
        let (known, now) = (self.0.load_full(), ambient.now());
        let mut files = BTreeMap::new();
        for (name, Unusable { faults, saved }) in stale {
            let before = known.files.get(&name);
            let reason = faults.to_string().replace('\n', "; ");
            if !before.is_some_and(|(before, then)| before.reason == reason && *then == saved) {
                warn!(name, fault = reason, "user configuration can't be used, its last good content stays in force");
            }
            let since = before.map_or(now, |(before, _)| before.since);
            files.insert(name.clone(), (StaleConfig::new(name, since, reason), saved));
        }
        for name in known.files.keys().filter(|name| !files.contains_key(*name)) {
            info!(name, "user configuration is no longer stale");
        }
        let mut told = known.unused.clone();
        for variable in unused {
            if told.insert(variable.clone()) {
                warn!(variable, "this variable of the environment replaces no value of user configuration");
            }
        }
        self.0.store(Arc::new(Known { files, unused: told }));
    }
}
