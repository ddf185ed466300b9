use std::collections::{BTreeMap, HashSet};

use super::{
    model::{Exclusion, Labels, SubPartnerSource, SubPartners},
    names::{checked_id, report_type},
    options::LoadOptions,
    period::{PeriodText, period},
};
use crate::manifest::yaml::{Located, Mistake, Quoted, Sink, keys, line, nearest, or_none};
use request::{OWN, OrgId, ReportType};

/// In a longer list, searching for similar labels takes too long.
const MAX_SUGGESTIONS: usize = 1000;

keys! {
    /// Requests that are left out: those that match every key that is given.
    pub(super) struct ExclusionText: "an exclusion", "a mapping such as { sub_partner: Acme GmbH, type: USER }",
        not empty: "this exclusion names nothing"
    {
        /// The id or the label of a sub-partner of this job.
        sub_partner: Option<Located<String>> = or_none(line("an id or a label").located()),
        /// A report type.
        r#type: Option<ReportType> = or_none(report_type()),
        /// Exactly this period.
        period: Option<PeriodText> = or_none(period()),
    }
}

pub(super) struct JobSubPartners<'a> {
    own: bool,
    ids: HashSet<&'a str>,
    labels: BTreeMap<&'a str, &'a OrgId>,
    discovers: bool,
    /// All labels of the manifest: a discovered sub-partner may have one elsewhere.
    all: &'a Labels,
}

impl ExclusionText {
    /// `billed`: `None` if the job's sub-partners could not be read; then no name is reported as missing.
    pub(super) fn read(
        self,
        billed: Option<&JobSubPartners<'_>>,
        options: &LoadOptions,
        sink: &Sink,
    ) -> Exclusion {
        let find = |name: Located<String>| {
            let found = billed?.find(&name.value);
            found.map_err(|mistake| name.report::<()>(sink, mistake)).ok()
        };
        Exclusion {
            sub_partner: self.sub_partner.and_then(find),
            report_type: self.r#type,
            period: self.period.and_then(|period| period.meant(options, sink).pop()),
        }
    }
}

impl<'a> JobSubPartners<'a> {
    pub(super) fn new(sub_partners: &'a SubPartners, all: &'a Labels) -> Self {
        let mut billed = JobSubPartners {
            own: *sub_partners == SubPartners::Own,
            ids: HashSet::new(),
            labels: BTreeMap::new(),
            discovers: false,
            all,
        };
        for source in sub_partners.listed() {
            match source {
                SubPartnerSource::Named(sub_partner) => {
                    billed.ids.insert(sub_partner.id.as_str());
                    if let Some(label) = &sub_partner.label {
                        billed.labels.insert(label, &sub_partner.id);
                    }
                }
                SubPartnerSource::Discovered(_) => billed.discovers = true,
            }
        }
        billed
    }

    /// Labels first: a label that is another sub-partner's id is reported elsewhere.
    fn find(&self, name: &str) -> Result<OrgId, Mistake> {
        if self.own {
            let message = "this job bills the partner itself and has no sub-partners to exclude";
            return Err(Mistake::new(message).help("leave `sub_partner` out"));
        }
        if name == OWN {
            let message = "`own` means the partner itself, which this job does not bill";
            return Err(
                Mistake::new(message).help("a sub-partner that is labelled so goes by its id here")
            );
        }
        if let Some(id) = self.labels.get(name) {
            return Ok((*id).clone());
        }
        if self.discovers
            && let Some(id) = self.all.get(name)
        {
            return Ok(id.clone());
        }
        if self.discovers || self.ids.contains(name) {
            return checked_id(name);
        }
        let labels = self.labels.keys().copied().take(MAX_SUGGESTIONS);
        let mistake = Mistake::new(format!("this job has no sub-partner {}", Quoted(name)));
        Err(mistake.help(match nearest(name, labels) {
            Some(nearest) => format!("did you mean {}?", Quoted(nearest)),
            None => "write the id or the label of one that the job lists".to_owned(),
        }))
    }
}
