//! Records that are rejected with the same reason. A few of them are shown each, and all are counted.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sluice_engine::outcome::ReasonCode;

use crate::console::components::{count, table};
use crate::console::payload::{inert, payload};
use crate::console::words::further;
use crate::tools::author::try_rules::trial::Outcome;

/// The most records with the same reason that are shown.
const SHOWN_EACH: u64 = 3;

/// The most reasons that are listed.
const REASONS_MAX: usize = 20;

/// The reasons with the numbers of their records.
pub(super) struct Rejections {
    /// Whether messages may be shown, which can quote records. If not, only the codes are told apart.
    is_shown: bool,
    reasons: BTreeMap<(ReasonCode, String), u64>,
}

impl Rejections {
    pub(super) fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            reasons: BTreeMap::new(),
        }
    }

    /// Counts what becomes of a record. Returns whether enough records with the same reason are shown before it.
    pub(super) fn add(&mut self, outcome: &Outcome) -> bool {
        let Outcome::Quarantined(reason) = outcome else {
            return false;
        };
        let message = match self.is_shown {
            true => reason.message.clone(),
            false => String::new(),
        };
        let records = self.reasons.entry((reason.code.clone(), message));
        let records = records.or_default();
        *records += 1;
        *records > SHOWN_EACH
    }

    /// The reasons that more records have than are shown, the most frequent first.
    pub(super) fn shown(&self) -> Markup {
        let reasons = self.reasons.iter();
        let reasons = reasons.filter(|(_, records)| **records > SHOWN_EACH);
        let mut reasons: Vec<_> = reasons.collect();
        reasons.sort_by_key(|(_, records)| std::cmp::Reverse(**records));
        let rows = reasons.iter().take(REASONS_MAX);
        let rows = rows.map(|((code, message), records)| {
            let message = match self.is_shown {
                true => payload(message, true),
                false => html! { "hidden" },
            };
            vec![
                html! { code { (inert(code.as_str())) } },
                message,
                count(**records),
            ]
        });
        let rows: Vec<_> = rows.collect();
        html! {
            @if !rows.is_empty() {
                p { "Of many records that are quarantined for the same reason, only the first " (SHOWN_EACH) " are below." }
                (table("Reasons of many records", &["Reason", "Message", "Records"], &rows))
                (further(rows.len(), reasons.len(), "reason"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::outcome::Reason;

    use super::*;

    fn rejected(message: &str) -> Outcome {
        Outcome::Quarantined(Reason::rejected("wrong", message.into()))
    }

    #[test]
    fn a_few_records_of_each_reason_are_shown() {
        let mut rejections = Rejections::new(true);
        let messages = ["<b>"; 5].into_iter().chain(["other"; 2]);
        let alike = messages.map(|message| rejections.add(&rejected(message)));
        let alike: Vec<_> = alike.collect();
        assert_eq!(alike, [false, false, false, true, true, false, false]);
        assert!(!rejections.add(&Outcome::Dropped));
        let html = rejections.shown().into_string();
        assert!(
            html.contains("&lt;b&gt;") && html.contains(">5</span>"),
            "{html}"
        );
        assert!(!html.contains("other"), "{html}");
        assert_eq!(Rejections::new(true).shown().into_string(), "");
    }

    #[test]
    fn hidden_messages_are_not_told_apart() {
        let mut rejections = Rejections::new(false);
        for n in 0..9 {
            rejections.add(&rejected(&format!("secret {n}")));
        }
        let html = rejections.shown().into_string();
        assert!(html.contains(">9</span>"), "{html}");
        assert!(!html.contains("secret"), "{html}");
    }
}
