//! What the pages say is true: the map is compared with the code, the reference with what it is generated from,
//! examples with what the commands do, and every path and link with the files that there are.
//!
//! `MONTHEND_BLESS=1 cargo test --test docs` writes the generated parts of the pages again.

#![expect(clippy::shadow_unrelated, reason = "a test tells one step after the other")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guarantees;
mod links;
mod manifest;
mod modules;
mod outputs;
mod page;
mod pictures;
mod reference;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository as text.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The pages for people: README.md, CONTRIBUTING.md and all of docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| Path::new("docs").join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    pages.sort();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(PathBuf::from));
    pages
}
