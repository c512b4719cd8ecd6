//! What the form of the page holds.

use serde::Deserialize;

use crate::console::page::{PageError, PageRequest};
use crate::console::pages::quarantine::filter;
use crate::quarantine::QuarantineFilter;

/// The path of the page.
pub(super) const PATH: &str = "/try";

/// The form. A browser sends all fields, and the button that was pressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct TryForm {
    /// Where the records come from: `pasted`, `quarantine` or `archive`.
    pub(super) source: String,
    /// Pasted records, one a line.
    pub(super) records: String,
    /// The code of quarantined records.
    pub(super) reason: String,
    /// The shard of their chunk.
    pub(super) shard: String,
    /// The release that has quarantined them, or the first digits of its id.
    pub(super) quarantined_by: String,
    /// When they arrived: at this time or later, and before that one.
    pub(super) from: String,
    pub(super) to: String,
    /// Which of them: `even`, or the newest.
    pub(super) choice: String,
    /// The id of one of them.
    pub(super) rid: String,
    /// The target of an archive.
    pub(super) archive: String,
    /// The encoding and the format of data that no run has decoded; empty as the run was set.
    pub(super) encoding: String,
    pub(super) format: String,
    /// Which rules: `jq`, `enrich`, `copy`, `release` or `component`.
    pub(super) rules: String,
    /// The jq program.
    pub(super) jq: String,
    /// The id of a release, or the first digits of it, or `active`.
    pub(super) release: String,
    /// The digest of a component that was sent.
    pub(super) component: String,
    /// The transform configuration of each kind of rules. Those of the kinds that are not chosen are kept.
    pub(super) config_jq: String,
    pub(super) config_enrich: String,
    pub(super) config_copy: String,
    pub(super) config_release: String,
    pub(super) config_component: String,
    /// What to compare with: one of these words, a built-in transform, or the id of a release. Empty: what makes most sense.
    pub(super) against: String,
    /// The button that changes the rules: `rejected` or `time`.
    pub(super) start: String,
    /// A note about the release that is published.
    pub(super) note: String,
    /// Why it becomes a canary.
    pub(super) why: String,
    /// The number of the last change of the rollout when the page was made.
    pub(super) seen: String,
    /// `sample` if the button to load a sample was pressed.
    pub(super) load: String,
    /// The record to save as a golden case: its index, and the first digits of its digest.
    pub(super) case: String,
    /// The golden case to remove.
    pub(super) remove: String,
    /// The share of the canary to publish, such as `5%`; empty to publish only.
    pub(super) canary: String,
}

pub(super) const PASTED: &str = "pasted";
pub(super) const QUARANTINE: &str = "quarantine";
pub(super) const ARCHIVE: &str = "archive";

pub(super) const NEWEST: &str = "newest";
pub(super) const EVEN: &str = "even";

pub(super) const JQ: &str = "jq";
pub(super) const ENRICH: &str = "enrich";
pub(super) const COPY: &str = "copy";
pub(super) const RELEASE: &str = "release";
pub(super) const COMPONENT: &str = "component";

pub(super) const ACTIVE: &str = "active";
pub(super) const REJECTED: &str = "rejected";
pub(super) const LAST: &str = "last";
pub(super) const NOTHING: &str = "nothing";

impl TryForm {
    /// The form of a new page: what its address names, or a program that lands each record.
    pub(super) fn of_request(request: &PageRequest) -> Self {
        let text = |name| request.get(name).unwrap_or_default().to_owned();
        let form = Self {
            source: text("source"),
            reason: text("reason"),
            shard: text("shard"),
            quarantined_by: text("quarantined_by"),
            from: text("from"),
            to: text("to"),
            choice: text("choice"),
            rid: text("rid"),
            release: text("release"),
            jq: ".".into(),
            ..Self::default()
        };
        let names_records = {
            let filter = form.filter_fields();
            let mut named = filter.iter().map(|(_, value)| *value).chain([&*form.rid]);
            named.any(|text| !text.is_empty())
        };
        let source = match form.source == QUARANTINE || names_records {
            true => QUARANTINE,
            false => PASTED,
        };
        let rules = match form.release.is_empty() {
            true => JQ,
            false => RELEASE,
        };
        let (source, rules) = (source.into(), rules.into());
        Self {
            source,
            rules,
            ..form
        }
    }

    /// The form as a script sends it. A browser without one ends lines with CR and LF ("HTML", 4.10.21.4).
    pub(super) fn normalized(mut self) -> Self {
        for text in [
            &mut self.records,
            &mut self.jq,
            &mut self.config_jq,
            &mut self.config_enrich,
            &mut self.config_copy,
            &mut self.config_release,
            &mut self.config_component,
        ] {
            *text = text.replace("\r\n", "\n");
        }
        self
    }

    /// The form without what its buttons have added.
    pub(super) fn without_buttons(mut self) -> Self {
        for button in [
            &mut self.start,
            &mut self.load,
            &mut self.case,
            &mut self.remove,
            &mut self.canary,
        ] {
            button.clear();
        }
        self
    }

    /// The fields of the filter, by the names that the page Quarantine has for them.
    fn filter_fields(&self) -> [(&str, &str); 5] {
        [
            ("reason", &self.reason),
            ("shard", &self.shard),
            ("release", &self.quarantined_by),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }

    /// Which quarantined records are meant.
    ///
    /// # Errors
    /// The first field of the filter that is wrong.
    pub(super) fn filter(&self) -> Result<QuarantineFilter, PageError> {
        let fields = self.filter_fields();
        filter::parse(|name| {
            let found = fields.iter().find(|(field, _)| *field == name);
            found.map(|(_, value)| *value)
        })
    }

    /// Whether the rules are a release or a built-in transform as it is, without anything that the user has written.
    pub(super) fn has_fixed_rules(&self) -> bool {
        !matches!(&*self.rules, JQ | COMPONENT | "") && self.config().trim().is_empty()
    }

    /// The transform configuration of the chosen rules.
    pub(super) fn config(&self) -> &str {
        match &*self.rules {
            ENRICH => &self.config_enrich,
            COPY => &self.config_copy,
            RELEASE => &self.config_release,
            COMPONENT => &self.config_component,
            _ => &self.config_jq,
        }
    }

    /// Changes the transform configuration of the chosen rules.
    pub(super) fn set_config(&mut self, config: String) {
        let own = match &*self.rules {
            ENRICH => &mut self.config_enrich,
            COPY => &mut self.config_copy,
            RELEASE => &mut self.config_release,
            COMPONENT => &mut self.config_component,
            _ => &mut self.config_jq,
        };
        *own = config;
    }

    /// Whether the records are the user's own, and not those of a lake or an archive.
    pub(super) fn is_pasted(&self) -> bool {
        !matches!(&*self.source, QUARANTINE | ARCHIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::Builtin;

    #[test]
    fn links_fill_the_form() {
        let form = |path| TryForm::of_request(&PageRequest::parse(path));
        let new = form("/try");
        assert_eq!((&*new.source, &*new.rules, &*new.jq), (PASTED, JQ, "."));
        assert!(new.is_pasted());
        let quarantine = form("/try?reason=trap&shard=s");
        assert_eq!((&*quarantine.source, &*quarantine.shard), (QUARANTINE, "s"));
        assert_eq!(form("/try?rid=s%3A1").rid, "s:1");
        let all = form("/try?source=quarantine");
        assert_eq!(all.source, QUARANTINE);
        assert_eq!(all.filter().unwrap(), QuarantineFilter::default());
        let some = form("/try?quarantined_by=01234567&from=2026-01-31T12:00:00Z");
        let filter = some.filter().unwrap();
        assert_eq!(some.source, QUARANTINE);
        assert_eq!(filter.quarantined_by.unwrap().to_string(), "01234567");
        assert!(filter.from.is_some() && filter.to.is_none());
        assert!(form("/try?from=yesterday").filter().is_err());
        let preview = form("/try?source=quarantine&release=active&choice=even");
        assert_eq!((&*preview.rules, &*preview.release), (RELEASE, ACTIVE));
        assert_eq!((&*preview.source, &*preview.choice), (QUARANTINE, EVEN));
        let release = form("/try?release=01234567");
        assert_eq!((&*release.rules, &*release.release), (RELEASE, "01234567"));
    }

    #[test]
    fn rules_that_nobody_has_written_here_are_fixed() {
        let form = |rules: &str, config: &str| {
            let mut form = TryForm {
                rules: rules.into(),
                ..TryForm::default()
            };
            form.set_config(config.into());
            form
        };
        for rules in [RELEASE, ENRICH, COPY] {
            assert!(form(rules, " \n").has_fixed_rules(), "{rules}");
            assert!(!form(rules, "{}").has_fixed_rules(), "{rules}");
        }
        for rules in [JQ, COMPONENT, ""] {
            assert!(!form(rules, "").has_fixed_rules(), "{rules}");
        }
    }

    #[test]
    fn each_kind_of_rules_has_its_own_configuration() {
        let mut form = TryForm::default();
        let kinds = [JQ, ENRICH, COPY, RELEASE, COMPONENT];
        for kind in kinds {
            form.rules = kind.into();
            assert_eq!(form.config(), "", "{kind}");
            form.set_config(format!("{{\"of\":\"{kind}\"}}"));
        }
        for kind in kinds {
            form.rules = kind.into();
            assert!(form.config().contains(kind), "{}", form.config());
        }
        for builtin in Builtin::ALL {
            assert!(kinds.contains(&builtin.name()), "{builtin}");
        }
    }

    #[test]
    fn lines_end_as_they_were_written() {
        let form = TryForm {
            records: "{}\r\n{}\r\n".into(),
            jq: ".a\r\n| .b".into(),
            ..TryForm::default()
        };
        let form = form.normalized();
        assert_eq!((&*form.records, &*form.jq), ("{}\n{}\n", ".a\n| .b"));
    }
}
