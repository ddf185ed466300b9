//! Labels and ids of a manifest and its partners files: one label, one sub-partner.

use std::{collections::HashMap, sync::Arc};

use super::{Labels, SubPartner, kind::ProblemKind, problem::Sink, source::Place};
use crate::request::OrgId;

/// Every label so far, whose it is and where it was first given.
#[derive(Default)]
pub(super) struct LabelBook {
    labels: Labels,
    places: HashMap<Arc<str>, Place>,
    /// Labels whose second use with another id is to be reported: those places, and whose it was.
    clashes: Vec<(Place, ProblemKind, Place)>,
    ids: std::collections::HashSet<OrgId>,
}

impl LabelBook {
    /// Notes whose label this is. A label that another id has already is reported by [`LabelBook::report`].
    pub(super) fn add(&mut self, sub_partner: &SubPartner, place: &Place) {
        if !self.ids.contains(&sub_partner.id) {
            self.ids.insert(sub_partner.id.clone());
        }
        let Some(label) = &sub_partner.label else {
            return;
        };
        match self.labels.get(label) {
            None => {
                self.labels
                    .insert(Arc::clone(label), sub_partner.id.clone());
                self.places.insert(Arc::clone(label), place.clone());
            }
            Some(first) if *first == sub_partner.id => {}
            Some(first) => {
                let kind = ProblemKind::LabelTwice {
                    label: label.to_string(),
                    first: first.clone(),
                    second: sub_partner.id.clone(),
                };
                if let Some(first_place) = self.places.get(label) {
                    self.clashes
                        .push((place.clone(), kind, first_place.clone()));
                }
            }
        }
    }

    /// The labels so far.
    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Reports labels that do not tell one sub-partner from all others, and gives the labels.
    pub(super) fn report(self, sink: &Sink) -> Labels {
        for (place, kind, first) in self.clashes {
            sink.report_with(place, kind, first);
        }
        for (label, id) in &self.labels {
            let is_id = id.as_str() != &**label
                && label
                    .parse::<OrgId>()
                    .is_ok_and(|other| self.ids.contains(&other));
            if is_id && let Some(place) = self.places.get(label) {
                sink.report(place.clone(), ProblemKind::LabelIsAnId(label.to_string()));
            }
        }
        self.labels
    }
}
