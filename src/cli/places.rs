//! Where outputs go: each to a file of its own that can be written, found out before anything is sent.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use super::{
    args::OutputArgs,
    error::CliError,
    target::{Target, real_ledger, sandbox_state_of},
};
use crate::{
    history,
    ledger::Lock,
    output::{DocumentKind, try_document},
    whole_file::folder_of,
};

/// Variables that name files of the command which an output must not take the place of.
const VARIABLES: [&str; 5] = [
    "WEBEX_ACCESS_TOKEN_FILE",
    "WEBEX_CLIENT_ID_FILE",
    "WEBEX_CLIENT_SECRET_FILE",
    "WEBEX_REFRESH_TOKEN_FILE",
    "GITHUB_STEP_SUMMARY",
];

/// The documents that are asked for, and where they really go: a link is followed.
///
/// # Errors
/// A place cannot be written, is that of another output, or of a file that the command reads or writes itself.
pub(super) fn checked(
    args: &OutputArgs,
    combine: Option<&Path>,
    target: &Target,
) -> Result<Vec<(DocumentKind, PathBuf)>, CliError> {
    let mut taken = files_of_ours(combine, target);
    let mut places = Vec::new();
    for (option, kind, path) in [
        ("--junit", DocumentKind::Junit, &args.junit),
        ("--summary-json", DocumentKind::Summary, &args.summary_json),
        ("--metrics", DocumentKind::Metrics, &args.metrics),
    ] {
        let Some(path) = path else { continue };
        let failed = |source| CliError::Output {
            path: path.clone(),
            source,
        };
        if path.as_os_str() == "-" {
            let why = format!("{option} needs a file; --format json writes to stdout");
            return Err(failed(io::Error::other(why)));
        }
        try_document(path).map_err(failed)?;
        let place = real(path).map_err(failed)?;
        if let Some((other, _)) = taken.iter().find(|(_, other)| is_same(other, &place)) {
            let why = format!("{option} cannot be the same file as {other}");
            return Err(failed(io::Error::other(why)));
        }
        taken.push((option.to_owned(), place.clone()));
        places.push((kind, place));
    }
    Ok(places)
}

/// Files that the command reads or writes itself, with their names.
fn files_of_ours(combine: Option<&Path>, target: &Target) -> Vec<(String, PathBuf)> {
    // A link that leads nowhere is refused when the ledger is taken.
    let ledger = real_ledger(&target.ledger).unwrap_or_else(|_| target.ledger.clone());
    let mut files = vec![("the manifest".to_owned(), target.manifest.0.clone())];
    files.extend(files_of_ledger(&ledger).map(|(name, path)| (name.to_owned(), path)));
    files.extend(combine.map(|path| ("--combine".to_owned(), path.to_owned())));
    let named = VARIABLES.iter().filter_map(|name| {
        let path = env::var_os(name).filter(|path| !path.is_empty())?;
        Some(((*name).to_owned(), PathBuf::from(path)))
    });
    files.extend(named);
    let files = files.into_iter();
    let files = files.filter_map(|(name, path)| Some((name, real(&path).ok()?)));
    files.collect()
}

/// A ledger and what lies beside it, with their names; `ledger` is its real path.
pub(super) fn files_of_ledger(ledger: &Path) -> [(&'static str, PathBuf); 4] {
    [
        ("the lock of the ledger", Lock::path_of(ledger)),
        ("the sandbox's state", sandbox_state_of(ledger)),
        ("the history", history::beside(ledger)),
        ("the ledger", ledger.to_owned()),
    ]
}

/// The file that `path` leads to, which may not be there yet; its folder is.
fn real(path: &Path) -> io::Result<PathBuf> {
    if path.exists() || path.is_symlink() {
        // A link that leads nowhere has no place of its own.
        return path.canonicalize();
    }
    let name = path.file_name().unwrap_or_default();
    Ok(folder_of(path).canonicalize()?.join(name))
}

/// Whether two places are one file; a hard link counts. What is written to a device is not in anybody's way.
fn is_same(one: &Path, other: &Path) -> bool {
    if one.metadata().is_ok_and(|there| !there.is_file()) {
        return false;
    }
    one == other || is_linked(one, other)
}

#[cfg(unix)]
fn is_linked(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| path.metadata().ok().map(|it| (it.dev(), it.ino()));
    identity(one).is_some_and(|one| Some(one) == identity(other))
}

#[cfg(not(unix))]
fn is_linked(_: &Path, _: &Path) -> bool {
    false
}
