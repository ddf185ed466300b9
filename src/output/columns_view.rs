use std::{collections::BTreeMap, io};

use schemars::JsonSchema;
use serde::Serialize;

use super::{View, missing_files::missing_lines, rows, words};
use crate::{
    audit::{MissingFile, TypeColumns},
    tables::{TableColumn, TableWriter},
    text::one_line,
};

/// What `monthend columns` shows.
pub struct ColumnsView<'a> {
    pub types: &'a [TypeColumns],
    pub missing: &'a [MissingFile],
    /// Whether the manifest has `files:`.
    pub has_rules: bool,
    pub notes: &'a [String],
    pub exit_code: u8,
}

/// What `monthend columns --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnsJson<'a> {
    /// Each type that has requests.
    types: Vec<TypeJson<'a>>,
    /// Files that are left out: missing, changed, or not collected.
    missing_files: &'a [MissingFile],
    /// What else there is to know, a sentence each.
    notes: &'a [String],
    /// 0: all files are there and have the columns of `files:`; 1: not.
    exit_code: u8,
}

/// The headers of the files of one type.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Type", deny_unknown_fields)]
struct TypeJson<'a> {
    /// PARTNER, CUSTOMER or USER.
    r#type: &'static str,
    /// How many files were read.
    files: u64,
    /// An entry for each name and position.
    columns: Vec<ColumnJson>,
    /// Where they are not as `files:` says.
    differences: Vec<ColumnDifferenceJson<'a>>,
}

/// A name at a position.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Column", deny_unknown_fields)]
struct ColumnJson {
    /// As in the files.
    name: String,
    /// From 1.
    position: usize,
    /// In how many files it stands there.
    files: u64,
}

/// A column that is not as `files:` says.
#[derive(Serialize, JsonSchema)]
#[serde(rename = "Difference", deny_unknown_fields)]
struct ColumnDifferenceJson<'a> {
    /// `missing` or `unexpected`.
    kind: &'static str,
    /// Its name.
    column: &'a str,
    /// In how many files.
    files: u64,
}

impl<'a> From<&'a TypeColumns> for TypeJson<'a> {
    fn from(of_type: &'a TypeColumns) -> Self {
        let columns = of_type.headers.columns().into_iter();
        let differences = of_type.differences.iter();
        TypeJson {
            r#type: of_type.report_type.as_str(),
            files: of_type.headers.files(),
            columns: columns
                .map(|it| ColumnJson { name: it.name, position: it.position, files: it.files })
                .collect(),
            differences: differences
                .map(|(it, files)| ColumnDifferenceJson {
                    kind: it.kind.as_str(),
                    column: &it.column,
                    files: *files,
                })
                .collect(),
        }
    }
}

impl ColumnsView<'_> {
    fn types(&self) -> Vec<TypeJson<'_>> {
        self.types.iter().map(TypeJson::from).collect()
    }

    /// The section `files:` that names the columns that all files of a type have.
    pub fn yaml(&self) -> String {
        let rules = self.types.iter().filter_map(|it| {
            let names = it.headers.in_all().into_iter().filter(|name| !name.is_empty());
            let columns: Vec<&str> = names.collect();
            let rule = BTreeMap::from([("columns", columns)]);
            (!rule["columns"].is_empty()).then_some((it.report_type.as_str(), rule))
        });
        let rules: BTreeMap<_, _> = rules.collect();
        if rules.is_empty() {
            return "# no file was read\n".to_owned();
        }
        let files = BTreeMap::from([("files", rules)]);
        // Texts in maps and lists are always YAML.
        serde_yaml::to_string(&files).unwrap_or_default()
    }
}

impl View for ColumnsView<'_> {
    fn table(&self) -> String {
        let mut out = String::new();
        for of_type in self.types() {
            let files = words::count(of_type.files as usize, "file");
            out.push_str(&format!("{}: {files}\n", of_type.r#type));
            let cells = |it: &ColumnJson| {
                vec![it.position.to_string(), it.name.clone(), words::grouped(it.files as usize)]
            };
            if !of_type.columns.is_empty() {
                let cells = of_type.columns.iter().map(cells).collect();
                out.push_str(&words::columns(&["POSITION", "COLUMN", "FILES"], cells, &[0, 2]));
            }
            for it in &of_type.differences {
                let in_files = words::count(it.files as usize, "file");
                out.push_str(&format!("{} in {in_files}: {}\n", it.kind, one_line(it.column)));
            }
            out.push('\n');
        }
        out.push_str(&missing_lines(self.missing));
        out.push_str(&words::notes(self.notes));
        let files = self.types.iter().map(|it| it.headers.files() as usize).sum();
        let differ = self.types.iter().map(|it| it.differences.len()).sum();
        out.push_str(&match differ {
            0 if !self.has_rules => {
                "the manifest has no `files:` to check them by; --format yaml prints one\n"
                    .to_owned()
            }
            0 if files == 0 => "no file was read\n".to_owned(),
            0 => format!("the columns of {} are as `files:` says\n", words::count(files, "file")),
            n => format!("{} from `files:`\n", words::count(n, "difference")),
        });
        out
    }

    fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut out = TableWriter::csv(out);
        let texts = ["type", "column", "difference"].map(TableColumn::text);
        let numbers = ["position", "files"].map(TableColumn::number);
        let ([first, second, last], [third, fourth]) = (texts, numbers);
        out.begin("columns", vec![first, second, third, fourth, last])?;
        for TypeJson { r#type, columns, differences, .. } in self.types() {
            for it in columns {
                let (position, files) = (it.position.to_string(), it.files.to_string());
                out.row([r#type, &it.name, &position, &files, ""])?;
            }
            for it in differences {
                out.row([r#type, it.column, "", &it.files.to_string(), it.kind])?;
            }
        }
        out.finish()
    }

    fn json(&self) -> serde_json::Result<String> {
        rows::json(&ColumnsJson {
            types: self.types(),
            missing_files: self.missing,
            notes: self.notes,
            exit_code: self.exit_code,
        })
    }
}
