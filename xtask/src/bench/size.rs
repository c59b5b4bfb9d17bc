//! What a first program costs before it runs: crates, time to build, bytes.

use std::{collections::BTreeSet, fs, path::Path, time::Instant};

use super::{
    report::{Figure, Row},
    tools,
};
use crate::{Result, cargo::cargo};

/// The job's name.
pub(crate) const NAME: &str = "build";

/// What the table says of it.
pub(crate) const ABOUT: &str = "the first service and the same in axum: crates, and with --build a first release build";

/// The packages of `benches/peers` and what the table calls them.
const PROGRAMS: [(&str, &str); 2] = [("hello_axum", "axum"), ("hello_zato", "zato")];

/// Where both are.
const WORKSPACE: &str = "--manifest-path benches/peers/Cargo.toml";

/// Counts the crates; builds both from nothing too, if there is a folder to do so in.
pub(crate) fn measure(folder: Option<&Path>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (package, name) in PROGRAMS {
        // The program itself is none of them.
        let mut figures = vec![Figure::count("crates", crates(&format!("{WORKSPACE} --package {package}"))? - 1)];
        if let Some(folder) = folder {
            figures.extend(build(package, &folder.join(package))?);
        }
        rows.push(Row::new(NAME, name, figures));
    }
    let core_and_rest = crates("--package zato-rest --features zato-core/json")?;
    rows.push(Row::new(NAME, "zato-rest", [Figure::count("crates", core_and_rest)]));
    Ok(rows)
}

/// How many crates are compiled for this machine, the package itself among them: build scripts' and macros' too, as they
/// have to be compiled as well, development dependencies not.
fn crates(package: &str) -> Result<usize> {
    let arguments = format!("tree {package} --edges normal,build --prefix none --format {{p}}");
    let output = cargo(&arguments).stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("cargo {arguments} ended with {}", output.status).into());
    }
    Ok(different(&String::from_utf8_lossy(&output.stdout)))
}

/// A crate that comes a second time is marked with `(*)`.
fn different(tree: &str) -> usize {
    let names = tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty());
    names.collect::<BTreeSet<_>>().len()
}

/// Builds a program from nothing, with cargo's own release profile: what whoever tries zato out has to wait for.
fn build(package: &str, target: &Path) -> Result<[Figure; 3]> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    // What has to be downloaded is no part of it.
    run(&format!("fetch {WORKSPACE}"), None)?;
    let (start, worked) = (Instant::now(), tools::children_seconds());
    run(&format!("build --release {WORKSPACE} --package {package}"), Some(target))?;
    let (took, worked) = (start.elapsed().as_secs_f64(), tools::children_seconds() - worked);
    let length = fs::metadata(target.join("release").join(package))?.len();
    Ok([
        Figure::new("build_s", took),
        // Of all processors together: what is left to compare on a machine that is busy with something else.
        Figure::new("build_cpu_s", worked),
        Figure::new("binary_mb", Figure::count("", length).value / 1e6),
    ])
}

fn run(arguments: &str, target: Option<&Path>) -> Result<()> {
    let mut command = cargo(arguments);
    if let Some(target) = target {
        command.arg("--target-dir").arg(target);
    }
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo {arguments} ended with {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::different;

    #[test]
    fn a_crate_counts_once() {
        assert_eq!(different("a v1.0.0\nb v1.0.0\n\nc v2.0.0 (proc-macro)\nb v1.0.0 (*)\nb v2.0.0\n"), 4);
    }
}
