//! The map's tables against the code: which module uses which, and where the outside world comes in. Text is enough for
//! that: a path that begins with `crate::`, or with the name of one of our crates, says whom it leads to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    links::files_below,
    page::{Table, quoted},
    read,
};

const MAP: &str = "docs/architecture.md";

/// The crates of `crates/`: modules of their own.
const CRATES: [&str; 3] = ["reconcile", "request", "sandbox"];

/// Each module's code, without comments and tests, by file.
fn sources() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    files_below(Path::new("src"), &mut files);
    files_below(Path::new("crates"), &mut files);
    files.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut modules: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for path in files {
        let name = path.iter().nth(1).unwrap().to_string_lossy().into_owned();
        let module = name.trim_end_matches(".rs").to_owned();
        let is_test = |part: &str| ["tests", "tests.rs", "histories.rs", "benches"].contains(&part);
        let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
        if ["lib", "main"].contains(&module.as_str()) || parts.iter().any(|part| is_test(part)) {
            continue;
        }
        let text = read(&path);
        let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//"));
        let code: Vec<&str> = code.collect();
        modules.entry(module).or_default().push((path, code.join("\n")));
    }
    modules
}

/// The modules that `code` names after `crate::`, alone or in a list, and the crates.
fn used(code: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_named = |name: &&str| is_named(code, &format!("{name}::"));
    let mut names: BTreeSet<&str> = CRATES.into_iter().filter(is_named).collect();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            names.extend(rest.split(|c| !is_word(c)).next());
            continue;
        };
        let mut depth = 0;
        let mut item_begins = true;
        for (at, c) in list.char_indices() {
            if item_begins && is_word(c) && depth == 0 {
                names.extend(list[at..].split(|c| !is_word(c)).next());
            }
            item_begins = (item_begins && c.is_whitespace()) || c == ',';
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    names.retain(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    names
}

#[test]
fn the_modules_use_each_other_as_the_map_says() {
    let table = Table::read(MAP, "module");
    let sources = sources();
    let mut above = BTreeSet::new();
    let mut complaints = Vec::new();
    for (module, imports) in table.columns("module", "imports") {
        let module = quoted(module).next().unwrap();
        let planned: BTreeSet<&str> = quoted(imports).collect();
        let files = sources.get(module).map_or(&[][..], Vec::as_slice);
        let mut found = BTreeSet::new();
        for (path, code) in files {
            let names = used(code).into_iter().filter(|name| *name != module);
            let names = names.filter(|name| sources.contains_key(*name));
            for name in names {
                if !planned.contains(name) {
                    complaints.push(format!("{} uses `{name}`: not in {MAP}", path.display()));
                }
                found.insert(name);
            }
        }
        let unused = planned.difference(&found);
        complaints.extend(unused.map(|name| format!("{MAP}: `{module}` does not use `{name}`")));
        let below = planned.difference(&above);
        complaints.extend(below.map(|name| format!("{MAP}: `{name}` stands below `{module}`")));
        above.insert(module);
    }
    let modules: BTreeSet<&str> = sources.keys().map(String::as_str).collect();
    let unknown = modules.symmetric_difference(&above);
    complaints.extend(unknown.map(|name| format!("`{name}` is not both a module and in {MAP}")));
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Whoever reads a name knows which type is meant.
#[test]
fn no_two_types_of_a_crate_share_a_name() {
    let sources = sources();
    let mut defined: BTreeMap<(&str, &str), Vec<&Path>> = BTreeMap::new();
    for (module, files) in &sources {
        let of_crate = CRATES.into_iter().find(|name| name == module);
        for (path, code) in files {
            for line in code.lines() {
                let line = line.strip_prefix("pub").unwrap_or(line);
                let line = line.split_once(") ").map_or(line, |(scope, rest)| match scope {
                    "(crate" | "(super" => rest,
                    _ => line,
                });
                let mut words = line.trim_start().split(|c: char| !c.is_alphanumeric());
                let is_type =
                    matches!(words.next(), Some("struct" | "enum" | "trait" | "type" | "union"));
                if let Some(name) = words.next().filter(|_| is_type && !line.starts_with("    ")) {
                    let key = (of_crate.unwrap_or("monthend"), name);
                    defined.entry(key).or_default().push(path);
                }
            }
        }
    }
    defined.retain(|_, places| places.len() > 1);
    assert!(defined.is_empty(), "{defined:#?}");
}

#[test]
fn the_outside_world_comes_in_where_the_map_says() {
    let sources = sources();
    for (seen_as, only_in) in Table::read(MAP, "from outside").columns("in the code", "only in") {
        let planned: BTreeSet<&str> = quoted(only_in).collect();
        let marks: Vec<&str> = quoted(seen_as).collect();
        let names = |(_, code): &(PathBuf, String)| marks.iter().any(|mark| is_named(code, mark));
        let actual: BTreeSet<&str> = sources
            .iter()
            .filter(|(_, files)| files.iter().any(names))
            .map(|(module, _)| module.as_str())
            .collect();
        assert_eq!(actual, planned, "{seen_as}");
    }
}

/// Whether `code` calls what `mark` names, or goes on from it: `sleep(`, `fs::`. Imports leave out what stands before.
fn is_named(code: &str, mark: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mark = mark.trim_start_matches("std::");
    let mark = mark.trim_start_matches("tokio::");
    code.match_indices(mark).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + mark.len()..]);
        let is_other = before.ends_with(is_word) || before.ends_with(['.', '!']);
        let is_defined = before.ends_with("fn ");
        let is_used = mark.contains("::") || after.starts_with('(') || after.starts_with("::");
        !is_other && !is_defined && is_used
    })
}
