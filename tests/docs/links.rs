//! What pages and comments point to is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{page::quoted, pages, read, root};

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// The names that a page's headings can be linked by, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let text = prose(text);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = prose(&read(&page));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.clone(),
                _ => page.parent().unwrap().join(path),
            };
            let is_there = root().join(&target).exists()
                && (anchor.is_empty() || anchors(&read(&target)).iter().any(|a| a == anchor));
            if !is_there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_path_that_a_page_names_is_there() {
    const FOLDERS: [&str; 7] =
        ["src/", "tests/", "docs/", "schemas/", "examples/", "benches/", ".ci/"];
    let mut missing = Vec::new();
    for page in pages() {
        let text = prose(&read(&page));
        for path in quoted(&text).filter(|code| !code.contains(char::is_whitespace)) {
            // What a rehearsal makes is there only after one.
            let is_ours =
                FOLDERS.iter().any(|folder| path.starts_with(folder)) && !path.contains(".ledger.");
            if is_ours && !root().join(path).exists() {
                missing.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// All files below `folder`, without bad manifests: not all of them are text.
pub(crate) fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !path.ends_with("tests/manifests/bad") {
                files_below(&path, files);
            }
        } else {
            files.push(path)
        }
    }
}

#[test]
fn every_page_that_the_code_cites_is_there() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        files_below(Path::new(folder), &mut files);
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "rs" || e == "yaml"));
    let mut missing = Vec::new();
    for file in files {
        for rest in read(&file).split("docs/").skip(1) {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || ".-_/".contains(c)));
            let cited = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
            if cited.ends_with(".md") && !root().join("docs").join(cited).exists() {
                missing.push(format!("{}: docs/{cited}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// What the code goes by stands in the repository: a page, an RFC, the API reference.
#[test]
fn nothing_cites_a_paper_that_no_reader_has() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "docs"] {
        files_below(Path::new(folder), &mut files);
    }
    files.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Cargo.toml"].map(PathBuf::from));
    files.retain(|path| {
        path.extension()
            .is_some_and(|e| ["rs", "md", "yaml", "toml"].iter().any(|known| e == *known))
    });
    files.retain(|path| !path.ends_with("tests/docs/links.rs"));
    let mut citations = Vec::new();
    for file in files {
        // A comment may break between the words.
        let text = read(&file).replace(['/', '!'], " ").to_lowercase();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for cited in ["contract, section", "(contract", "facts, section"] {
            if text.contains(cited) {
                citations.push(format!("{}: {cited}", file.display()));
            }
        }
    }
    assert!(citations.is_empty(), "\n{}", citations.join("\n"));
}
