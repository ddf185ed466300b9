//! The map's tables against the code: which module imports which, and where the outside world comes in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    page::{Table, quoted},
    source::Sources,
};

const MAP: &str = "docs/architecture.md";

/// Imports that run up the table and are to go. Empty in the end.
const UPWARD: &[(&str, &str)] = &[];

/// Modules whose files use each other in a circle and are to be mended. Empty in the end.
const CIRCULAR: &[&str] = &[];

type Arrows<'a> = BTreeSet<(&'a str, &'a str)>;

/// Panics with a line for each complaint.
fn none_of(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_table_of_imports_is_what_the_code_does() {
    let sources = Sources::read();
    let table = Table::read(MAP, "module");
    let mut planned = Arrows::new();
    let mut order = Vec::new();
    for (module, imports) in table.columns("module", "imports") {
        let module = quoted(module).next().unwrap();
        order.push(module);
        planned.extend(quoted(imports).map(|import| (module, import)));
    }
    let mut actual = BTreeMap::new();
    for file in &sources.files {
        let Some(module) = file.module.first() else {
            continue;
        };
        for import in sources.modules_named_by(file) {
            if import != module {
                actual
                    .entry((module.as_str(), import))
                    .or_insert(&file.path);
            }
        }
    }

    let mut complaints = Vec::new();
    for ((module, import), file) in &actual {
        if !planned.contains(&(*module, *import)) {
            complaints.push(format!(
                "{} imports `{import}`: not in {MAP}",
                file.display()
            ));
        }
    }
    for (module, import) in &planned {
        if !actual.contains_key(&(*module, *import)) {
            complaints.push(format!(
                "{MAP}: `{module}` does not import `{import}` any more"
            ));
        }
    }
    let named: BTreeSet<&str> = order.iter().copied().collect();
    for module in sources.top_level().symmetric_difference(&named) {
        complaints.push(format!(
            "`{module}` is not both a module and a row of {MAP}"
        ));
    }
    // Each module imports only what stands above it there, so there is no circle.
    let place = |module: &str| order.iter().position(|name| *name == module);
    let upward: Arrows<'_> = planned
        .iter()
        .copied()
        .filter(|(module, import)| place(module) <= place(import))
        .collect();
    let excepted: Arrows<'_> = UPWARD.iter().copied().collect();
    for (module, import) in upward.symmetric_difference(&excepted) {
        complaints.push(match upward.contains(&(*module, *import)) {
            true => format!("{MAP}: `{module}` stands before `{import}`, which it imports"),
            false => format!("the exception {module} -> {import} is not needed any more"),
        });
    }
    none_of(complaints);
}

#[test]
fn no_files_of_a_module_use_each_other_in_a_circle() {
    let sources = Sources::read();
    let mut arrows = BTreeSet::new();
    for file in &sources.files {
        for used in sources.used_by(file) {
            if top(used) == top(&file.path) {
                arrows.insert((file.path.to_str().unwrap(), used.to_str().unwrap()));
            }
        }
    }
    // One circle for each module, the shortest.
    let mut circles = BTreeMap::new();
    for (from, to) in &arrows {
        if let Some(back) = way(&arrows, to, from) {
            let shortest = circles
                .entry(top(Path::new(from)).unwrap())
                .or_insert_with(|| back.clone());
            if back.len() < shortest.len() {
                *shortest = back;
            }
        }
    }
    let mut complaints = Vec::new();
    for (module, circle) in &circles {
        if !CIRCULAR.contains(module) {
            complaints.push(format!(
                "a circle: {} -> {}",
                circle.join(" -> "),
                circle[0]
            ));
        }
    }
    for module in CIRCULAR
        .iter()
        .filter(|module| !circles.contains_key(*module))
    {
        complaints.push(format!("the exception {module} is not needed any more"));
    }
    none_of(complaints);
}

/// The module of the first level that a file belongs to: `src/api/wire.rs` to `api`.
fn top(path: &Path) -> Option<&str> {
    path.components().nth(1)?.as_os_str().to_str()
}

/// The shortest way along the arrows, both ends included.
fn way<'a>(arrows: &Arrows<'a>, from: &'a str, to: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut next = vec![from];
    while !next.is_empty() && !came_from.contains_key(to) {
        let mut further = Vec::new();
        for (a, b) in arrows {
            if next.contains(a) && !came_from.contains_key(b) {
                came_from.insert(b, a);
                further.push(*b);
            }
        }
        next = further;
    }
    let mut way = vec![to];
    while way[way.len() - 1] != from {
        way.push(came_from.get(way[way.len() - 1])?);
    }
    way.reverse();
    Some(way)
}

#[test]
fn the_outside_world_comes_in_where_the_map_says() {
    let sources = Sources::read();
    let table = Table::read(MAP, "from outside");
    let mut complaints = Vec::new();
    for (seen_as, only_in) in table.columns("in the code", "only in") {
        let planned: BTreeSet<&str> = quoted(only_in).collect();
        let mut actual = BTreeMap::new();
        for file in &sources.files {
            let Some(module) = file.module.first() else {
                continue;
            };
            let is_seen = |path: &Vec<String>| {
                quoted(seen_as).any(|pattern| {
                    let pattern: Vec<&str> = pattern.split("::").collect();
                    path.windows(pattern.len()).any(|part| part == pattern)
                })
            };
            if file.paths.iter().any(is_seen) {
                actual.entry(module.as_str()).or_insert(&file.path);
            }
        }
        for (module, file) in &actual {
            if !planned.contains(module) {
                complaints.push(format!("{} uses {seen_as}: not in {MAP}", file.display()));
            }
        }
        for module in planned
            .iter()
            .filter(|module| !actual.contains_key(*module))
        {
            complaints.push(format!("{MAP}: `{module}` does not use {seen_as} any more"));
        }
    }
    none_of(complaints);
}
