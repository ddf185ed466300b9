//! The results of the review for each row: the earlier figure, and problems of its file.

use std::collections::HashMap;

use super::sources::Sources;
use crate::audit::{Before, Difference, DifferenceKind};

/// By the index of the ledger's row.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    then: HashMap<usize, EarlierFigure>,
    files: HashMap<usize, &'static str>,
}

#[derive(Debug)]
pub(super) struct EarlierFigure {
    pub(super) text: String,
    pub(super) fell: bool,
}

pub(super) struct EarlierPart<'a> {
    pub(super) name: String,
    pub(super) lead: String,
    /// What has dropped or vanished.
    pub(super) marked: Vec<&'a Difference>,
    pub(super) vanished: usize,
    pub(super) dropped: usize,
    pub(super) new: usize,
    pub(super) is_empty: bool,
}

impl Comparison {
    pub(super) fn of(sources: &Sources<'_>) -> Self {
        let mut comparison = Comparison::default();
        let reviewed = sources.reviewed;
        for (place, before) in &reviewed.before {
            let text = match (before, sources.totals) {
                (Before::Nothing, _) => "new".to_owned(),
                (Before::Figure(figure), Some(totals)) => format!("{} {figure}", totals.column),
                (Before::Figure(figure), None) => figure.clone(),
                (Before::NoFigure(why), _) => format!("was: {}", why.word()),
            };
            comparison.then.insert(*place, EarlierFigure { text, fell: false });
        }
        for (place, difference) in &reviewed.differences {
            match difference.kind {
                DifferenceKind::Dropped => {
                    if let Some(then) = comparison.then.get_mut(place) {
                        then.text = format!("dropped, {}", then.text);
                        then.fell = true;
                    }
                }
                DifferenceKind::FileMissing => {
                    comparison.files.insert(*place, "file missing");
                }
                DifferenceKind::FileChanged => {
                    comparison.files.insert(*place, "file changed");
                }
                _ => {}
            }
        }
        comparison
    }

    pub(super) fn then(&self, place: usize) -> Option<&EarlierFigure> {
        self.then.get(&place)
    }

    pub(super) fn file_trouble(&self, place: usize) -> Option<&'static str> {
        self.files.get(&place).copied()
    }
}

impl<'a> EarlierPart<'a> {
    pub(super) fn of(sources: &Sources<'a>) -> Option<Self> {
        let earlier = sources.earlier.as_ref()?;
        let reviewed = sources.reviewed;
        let dropped = reviewed.differences.iter().map(|(_, difference)| difference);
        let dropped = dropped.filter(|difference| difference.kind == DifferenceKind::Dropped);
        let marked: Vec<&Difference> = dropped.chain(&reviewed.vanished).collect();
        let vanished = reviewed.vanished.len();
        let before = || reviewed.before.iter().map(|(_, before)| before);
        let measure = match sources.totals {
            Some(totals) => format!("the sum of {}", totals.column),
            None => "the number of rows".to_owned(),
        };
        let count_before = |is_it: fn(&Before) -> bool| before().filter(|it| is_it(it)).count();
        let uncompared = count_before(|it| matches!(it, Before::NoFigure(_)));
        let compared = count_before(|it| matches!(it, Before::Figure(_)));
        let without = match uncompared {
            0 => String::new(),
            n => format!(" Of {n} there was no figure then."),
        };
        let nothing = if marked.is_empty() && compared > 0 {
            " Nothing has vanished, and nothing fell by more than that."
        } else {
            ""
        };
        Some(EarlierPart {
            lead: format!(
                "Of each sub-partner and type the latest report is compared with the latest one there that ended before it \
                 began, by {measure}. It may fall by {}.{without}{nothing}",
                earlier.max_drop
            ),
            is_empty: compared == 0 && uncompared > 0,
            name: earlier.name.clone(),
            vanished,
            dropped: marked.len() - vanished,
            new: count_before(|it| *it == Before::Nothing),
            marked,
        })
    }
}
