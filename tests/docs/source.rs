//! The sources of the library as a graph: which file uses what another one defines.
//!
//! Tokens are enough for that: comments are none, and a path is a run of names with `::` between them. Whatever is
//! under `#[cfg(test)]` is left out, with the files that it declares.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    str::FromStr as _,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{read, root};

/// A path as it is written, or the absolute path of a module: names, outermost first.
pub(crate) type Names = Vec<String>;

/// One source file.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Below the repository.
    pub(crate) path: PathBuf,
    /// The module that it is; empty for the crate's root.
    pub(crate) module: Names,
    /// Every path in it, the leaves of `use` lists written out.
    pub(crate) paths: BTreeSet<Names>,
    /// Those paths that lead into the crate, from the crate's root on.
    inward: BTreeSet<Names>,
    /// What it only passes on (`pub use`): the name, and where it comes from.
    passed_on: BTreeMap<String, Names>,
    /// Names outside of `use` lines.
    mentioned: BTreeSet<String>,
}

/// All files that are part of the library.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) files: Vec<File>,
    /// The file that each module is written in.
    modules: BTreeMap<Names, usize>,
    /// What each `use` line brings into a module, and where that comes from.
    imported: BTreeMap<Names, BTreeMap<String, Names>>,
}

impl Sources {
    /// Reads the library from `src/lib.rs` on.
    pub(crate) fn read() -> Self {
        let mut sources = Sources::default();
        let mut texts = Vec::new();
        sources.find(Path::new("src/lib.rs"), Vec::new(), &mut texts);
        for (place, tokens) in texts.iter().enumerate() {
            let module = sources.files[place].module.clone();
            sources.scan(place, &module, tokens);
        }
        sources
    }

    /// The modules of the first level.
    pub(crate) fn top_level(&self) -> BTreeSet<&str> {
        let top = |module: &Names| module.len() == 1;
        let names = self.modules.keys().filter(|module| top(module));
        names.map(|module| module[0].as_str()).collect()
    }

    /// The files that `user` needs: those that define what it names. What it only passes on does not count.
    pub(crate) fn used_by<'a>(&'a self, user: &'a File) -> BTreeSet<&'a Path> {
        let passed_on = user
            .passed_on
            .iter()
            .filter(|(name, _)| user.mentioned.contains(*name))
            .map(|(_, from)| from);
        user.inward
            .iter()
            .chain(passed_on)
            .map(|path| self.definer(path).path.as_path())
            .filter(|path| *path != user.path)
            .collect()
    }

    /// The modules of the first level that `user` names in any way.
    pub(crate) fn modules_named_by<'a>(&'a self, user: &'a File) -> BTreeSet<&'a str> {
        let inward = user.inward.iter().chain(user.passed_on.values());
        let named = inward.filter_map(|path| path.first());
        named
            .map(String::as_str)
            .filter(|name| self.modules.contains_key(&vec![(*name).to_owned()]))
            .collect()
    }

    /// The file that defines what `path` names, whatever module passes it on.
    fn definer(&self, path: &[String]) -> &File {
        let mut path = path.to_vec();
        loop {
            let depth = (0..=path.len())
                .rev()
                .find(|depth| self.modules.contains_key(&path[..*depth]))
                .unwrap();
            let (module, rest) = path.split_at(depth);
            let from = rest
                .first()
                .and_then(|name| self.imported.get(module)?.get(name));
            match from {
                Some(from) => path = from.clone(),
                None => return &self.files[self.modules[module]],
            }
        }
    }

    /// Reads a file and those that it declares.
    fn find(&mut self, path: &Path, module: Names, texts: &mut Vec<Vec<TokenTree>>) {
        let tokens = TokenStream::from_str(&read(path)).unwrap();
        let tokens = shipped(tokens);
        let below = match path.file_name().unwrap().to_str() {
            Some("lib.rs" | "mod.rs") => path.parent().unwrap().to_owned(),
            _ => path.with_extension(""),
        };
        self.modules.insert(module.clone(), self.files.len());
        self.files.push(File {
            path: path.to_owned(),
            module: module.clone(),
            ..File::default()
        });
        let place = self.files.len() - 1;
        let declared = declared(&tokens);
        texts.push(tokens);
        for (name, is_inline) in declared {
            let mut child = module.clone();
            child.push(name.clone());
            if is_inline {
                self.modules.insert(child, place);
                continue;
            }
            let flat = below.join(format!("{name}.rs"));
            let path = match root().join(&flat).exists() {
                true => flat,
                false => below.join(&name).join("mod.rs"),
            };
            self.find(&path, child, texts);
        }
    }

    /// Notes every path in `tokens`, which stand in `module`.
    fn scan(&mut self, place: usize, module: &[String], tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            let follows_path = at >= 2 && is_path_separator(&tokens[at - 2..at]);
            match &tokens[at] {
                TokenTree::Ident(word) if word == "use" && !is_punct(tokens.get(at + 1), '<') => {
                    let passes_on = is_public(&tokens[..at]);
                    let end = at
                        + tokens[at..]
                            .iter()
                            .position(|t| is_punct(Some(t), ';'))
                            .unwrap();
                    let mut leaves = Vec::new();
                    leaves_of(&[], &tokens[at + 1..end], &mut leaves);
                    for (path, name) in leaves {
                        self.import(place, module, path, name, passes_on);
                    }
                    at = end;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    if let [_, TokenTree::Ident(name), TokenTree::Group(body), ..] = &tokens[at..] {
                        let mut inner = module.to_vec();
                        inner.push(name.to_string());
                        let body: Vec<_> = body.stream().into_iter().collect();
                        self.scan(place, &inner, &body);
                        at += 2;
                    } else {
                        at += 1;
                    }
                }
                TokenTree::Ident(_) if !follows_path => {
                    let (path, length) = path_at(&tokens[at..]);
                    self.files[place].mentioned.insert(path[0].clone());
                    if path.len() > 1 {
                        if let Some(inward) = self.absolute(module, &path) {
                            self.files[place].inward.insert(inward);
                        }
                        self.files[place].paths.insert(path);
                    }
                    at += length - 1;
                }
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    self.scan(place, module, &inner);
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn import(
        &mut self,
        place: usize,
        module: &[String],
        path: Names,
        name: String,
        passes_on: bool,
    ) {
        self.files[place].paths.insert(path.clone());
        let Some(inward) = self.absolute(module, &path) else {
            return;
        };
        assert!(
            name != "*",
            "{}: `use {}` hides what is used; name it",
            self.files[place].path.display(),
            path.join("::")
        );
        let imported = self.imported.entry(module.to_vec()).or_default();
        imported.insert(name.clone(), inward.clone());
        match passes_on {
            true => drop(self.files[place].passed_on.insert(name, inward)),
            false => drop(self.files[place].inward.insert(inward)),
        }
    }

    /// A path from the crate's root on; `None` where it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Names> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path[0].as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                base.push(first.to_owned());
                let is_child = self.modules.contains_key(&base);
                base.pop();
                if !is_child {
                    base = self.imported.get(module)?.get(first)?.clone();
                    rest = &rest[1..];
                }
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

/// The tokens without anything that only tests see.
fn shipped(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let attribute = match tokens.peek() {
            Some(TokenTree::Group(group)) if is_punct(Some(&token), '#') => group.to_string(),
            _ => String::new(),
        };
        if attribute.replace(' ', "") == "[cfg(test)]" {
            let mut is_use = false;
            for token in tokens.by_ref().skip(1) {
                is_use |= matches!(&token, TokenTree::Ident(word) if word == "use");
                let is_body =
                    matches!(&token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
                if is_punct(Some(&token), ';') || (is_body && !is_use) {
                    break;
                }
            }
            continue;
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let inner = shipped(group.stream()).into_iter().collect();
                proc_macro2::Group::new(group.delimiter(), inner).into()
            }
            other => other,
        });
    }
    kept
}

/// The modules that tokens declare, and whether their text stands right there.
fn declared(tokens: &[TokenTree]) -> Vec<(String, bool)> {
    let declarations = tokens.windows(3).filter_map(|window| match window {
        [TokenTree::Ident(word), TokenTree::Ident(name), body] if word == "mod" => {
            Some((name.to_string(), !is_punct(Some(body), ';')))
        }
        _ => None,
    });
    declarations.collect()
}

/// Writes out a tree of `use`: each path, and the name that it goes by.
fn leaves_of(before: &[String], tokens: &[TokenTree], leaves: &mut Vec<(Names, String)>) {
    let branches = tokens.split(|token| is_punct(Some(token), ','));
    for branch in branches.filter(|branch| !branch.is_empty()) {
        let mut path = before.to_vec();
        let mut name = None;
        let mut branch = branch.iter();
        while let Some(token) = branch.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = branch.next().map(|t| t.to_string())
                }
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    leaves_of(&path, &inner, leaves);
                    path.clear();
                }
                star if is_punct(Some(star), '*') => name = Some("*".to_owned()),
                _ => {}
            }
        }
        if let Some(last) = path.last() {
            let name = name.unwrap_or_else(|| last.clone());
            leaves.push((path, name));
        }
    }
}

/// The path that `tokens` begin with, and of how many tokens it is.
fn path_at(tokens: &[TokenTree]) -> (Names, usize) {
    let mut path = vec![tokens[0].to_string()];
    let mut length = 1;
    while let [a, b, TokenTree::Ident(name), ..] = &tokens[length..]
        && is_path_separator(&[a.clone(), b.clone()])
    {
        path.push(name.to_string());
        length += 3;
    }
    (path, length)
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    tokens.iter().all(|token| is_punct(Some(token), ':'))
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// Whether tokens end in `pub` or `pub(...)`.
fn is_public(before: &[TokenTree]) -> bool {
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "pub");
    match before {
        [.., last] if is_pub(last) => true,
        [.., word, TokenTree::Group(_)] => is_pub(word),
        _ => false,
    }
}
