//! What `monthend --version` says besides the version: the commit, where it is known, and the target.

use std::{env, fs, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=MONTHEND_COMMIT");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let target = env::var("TARGET").unwrap_or_default();
    let of = match commit() {
        Some(commit) => format!("{commit}, {target}"),
        None => target,
    };
    println!("cargo::rustc-env=MONTHEND_VERSION={version} ({of})");
}

/// Given by whoever builds without the repository (a container), noted in a packaged crate, or the repository's. Only
/// for a release: a build for tests must not start over with every commit.
fn commit() -> Option<String> {
    if let Some(given) = env::var("MONTHEND_COMMIT").ok().filter(|c| !c.is_empty()) {
        return Some(given);
    }
    if env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let folder = env::var("CARGO_MANIFEST_DIR").ok()?;
    packaged(Path::new(&folder)).or_else(|| checked_out(&folder))
}

/// `cargo package` notes the commit in the crate.
fn packaged(folder: &Path) -> Option<String> {
    let info = fs::read_to_string(folder.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = info.split_once("\"sha1\": \"")?;
    rest.get(..12).map(str::to_owned)
}

fn checked_out(folder: &str) -> Option<String> {
    let git = |args: &[&str]| {
        // In a container the folder often belongs to somebody else. Whoever builds it trusts it.
        let ours = ["-c", "safe.directory=*", "-C", folder];
        let output = Command::new("git").args(ours).args(args).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    // Unpacked within somebody else's repository, its commit would be a lie.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        println!("cargo::rerun-if-changed={}", Path::new(folder).join(path).display());
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
