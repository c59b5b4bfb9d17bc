//! Calling cargo, and reading what it says about the workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Result;

/// The folder of the workspace, which is where every command runs.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace")
}

/// A call of cargo in the workspace, with `arguments` as they would be typed.
pub(crate) fn cargo(arguments: &str) -> Command {
    // The cargo that runs us, so that `cargo +nightly xtask` means nightly throughout.
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments.split_whitespace());
    command
}

/// What `cargo metadata` tells of the workspace's own packages.
pub(crate) struct Metadata(Value);

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self> {
        let output = cargo("metadata --no-deps --format-version 1").stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata ended with {}", output.status).into());
        }
        Ok(Self(serde_json::from_slice(&output.stdout)?))
    }

    /// The features that the package declares, sorted.
    pub(crate) fn features(&self, package: &str) -> Result<Vec<String>> {
        let packages = self.0.get("packages").and_then(Value::as_array).into_iter().flatten();
        let features = packages
            .filter(|candidate| candidate.get("name").and_then(Value::as_str) == Some(package))
            .find_map(|package| package.get("features")?.as_object())
            .ok_or_else(|| format!("cargo metadata tells nothing of a package named {package:?}"))?;
        let mut names: Vec<String> = features.keys().cloned().collect();
        names.sort();
        Ok(names)
    }

    /// Where cargo builds.
    pub(crate) fn target_directory(&self) -> Result<PathBuf> {
        let directory = self.0.get("target_directory").and_then(Value::as_str);
        Ok(directory.ok_or("cargo metadata names no target directory")?.into())
    }
}

/// Builds one program, and returns where it is. `arguments` must select exactly that target.
pub(crate) fn build(arguments: &str, target: &str) -> Result<PathBuf> {
    built(cargo(arguments), target)
}

/// Runs a command that builds one program, and returns where that is.
pub(crate) fn built(mut command: Command, target: &str) -> Result<PathBuf> {
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let built = messages.lines().find_map(|line| executable(line, target));
    Ok(built.ok_or_else(|| format!("{command:?} built no program named {target:?}"))?)
}

/// The path in a cargo message, if it is the one that says that `target` was built.
fn executable(message: &str, target: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message.get("target")?.get("name")?.as_str()?;
    let path = message.get("executable")?.as_str()?;
    (name == target).then(|| path.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{Metadata, executable};

    #[test]
    fn features_are_sorted_and_of_that_package_alone() {
        let metadata = Metadata(json!({"packages": [
            {"name": "other", "features": {"wrong": []}},
            {"name": "zato", "features": {"rest": [], "default": ["rest"]}},
        ]}));
        assert_eq!(metadata.features("zato").unwrap(), ["default", "rest"]);
        let missing = metadata.features("zatto").unwrap_err().to_string();
        assert_eq!(missing, r#"cargo metadata tells nothing of a package named "zatto""#);
    }

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let library = r#"{"reason":"compiler-artifact","target":{"name":"http"},"executable":null}"#;
        let program = r#"{"reason":"compiler-artifact","target":{"name":"http"},"executable":"/t/http-1"}"#;
        assert_eq!(executable(library, "http"), None);
        assert_eq!(executable(program, "http").as_deref(), Some(Path::new("/t/http-1")));
        assert_eq!(executable(program, "other"), None);
        assert_eq!(executable("   Compiling zato", "http"), None);
    }
}
