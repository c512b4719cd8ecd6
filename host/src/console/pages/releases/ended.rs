//! How a release lost the last role that it had: its trial was ended, or it was rolled back.

use maud::{Markup, html};
use sluice_release::bundle::ReleaseId;
use sluice_release::rollout::{Change, ChangeKind, Rollout};

use super::forms::{CANARY, SHADOW};
use crate::console::components::time_text;
use crate::console::payload::inert;

/// A role that a release had, and the change that took it.
pub(super) struct Ended<'a> {
    /// `canary` or `shadow`; `None` is the active release.
    trial: Option<&'static str>,
    change: &'a Change,
}

impl<'a> Ended<'a> {
    /// How a release lost its last role, as far as the history tells.
    pub(super) fn of(rollout: &'a Rollout, release: ReleaseId) -> Option<Self> {
        let (mut active, mut shadow, mut ended) = (None, None, None);
        for change in &rollout.history {
            let is_named = change.release == Some(release);
            let (by_host, is_shadow) = (change.is_by_host(), shadow == Some(release));
            let trial = match change.what {
                ChangeKind::Rollback if active == Some(release) => Some(None),
                ChangeKind::EndTrial if is_named && (by_host || !is_shadow) => Some(Some(CANARY)),
                // A person ends the canary and the shadow, and the change names the canary.
                ChangeKind::EndTrial if !by_host && is_shadow => Some(Some(SHADOW)),
                _ => None,
            };
            match change.what {
                ChangeKind::EndTrial if !by_host => shadow = None,
                ChangeKind::Shadow => shadow = change.release,
                ChangeKind::Activate | ChangeKind::Rollback => {
                    active = change.release;
                    shadow = shadow.filter(|_| shadow != active);
                }
                ChangeKind::Canary | ChangeKind::EndTrial => {}
            }
            if let Some(trial) = trial {
                ended = Some(Self { trial, change });
            } else if is_named {
                ended = None;
            }
        }
        ended
    }

    /// What was done, by whom and why.
    pub(super) fn shown(&self) -> Markup {
        let Self { trial, change } = self;
        let at = time_text(&change.at);
        html! {
            @match (trial, change.is_by_host()) {
                (Some(trial), true) => { "A worker ended its trial as the " (trial) " at " (at) }
                (Some(trial), false) => { "Its trial as the " (trial) " was ended at " (at) " by " (inert(&change.by)) }
                (None, true) => { "A worker rolled it back at " (at) }
                (None, false) => { "It was rolled back at " (at) " by " (inert(&change.by)) }
            }
            @match &change.why {
                Some(why) => { ": " (inert(why)) }
                None => ".",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_release::rollout::host_name;

    use super::super::tests::view;
    use super::*;
    use crate::console::releases::tests::author;

    fn text(rollout: &Rollout, release: ReleaseId) -> String {
        let ended = Ended::of(rollout, release);
        ended.map_or_else(String::new, |ended| ended.shown().into_string())
    }

    #[test]
    fn an_automatic_end_is_told_from_that_of_a_person() {
        let mut rollout = view().rollout;
        let (active, tried) = (rollout.active.unwrap(), rollout.canary.clone().unwrap());
        rollout.shadow = None;
        rollout.history.pop();
        assert_eq!(text(&rollout, tried.release), "");
        let host = author(&host_name(None, 7), "<b>slow");
        let ended = rollout.roll_back_release(tried.release, &host).unwrap();
        let html = text(&ended, tried.release);
        assert!(html.starts_with("A worker ended its trial as the canary at <time"));
        assert!(html.ends_with(": &lt;b&gt;slow"), "{html}");
        // It is tried again.
        let again = ended.try_canary(tried.clone(), &host).unwrap();
        assert_eq!(text(&again, tried.release), "");
        let by_hand = rollout.roll_back(&author("ada", "enough")).unwrap();
        let html = text(&by_hand, tried.release);
        assert!(html.starts_with("Its trial as the canary was ended at "));
        assert!(html.ends_with(" by ada: enough"), "{html}");
        let back = by_hand.roll_back_release(active, &host).unwrap();
        assert!(text(&back, active).starts_with("A worker rolled it back at "));
        let back = by_hand.roll_back(&author("ada", "enough")).unwrap();
        assert!(text(&back, active).starts_with("It was rolled back at "));
        assert_eq!(text(&back, back.active.unwrap()), "");
    }

    #[test]
    fn a_shadow_ends_with_the_canary_only_if_a_person_ends_it() {
        let mut rollout = view().rollout;
        let other = view().releases[0].id;
        let shadow = rollout.shadow.take().unwrap();
        rollout.history.pop();
        let author = |by: &str| author(by, "why");
        let canary = sluice_release::rollout::Trial {
            release: other,
            ..shadow.clone()
        };
        let rollout = rollout.try_canary(canary, &author("ada")).unwrap();
        let rollout = rollout.try_shadow(shadow.clone(), &author("ada")).unwrap();
        let by_host = rollout.roll_back_release(other, &author(&host_name(None, 7)));
        assert_eq!(text(&by_host.unwrap(), shadow.release), "");
        let by_hand = rollout.roll_back(&author("ada")).unwrap();
        assert!(text(&by_hand, shadow.release).starts_with("Its trial as the shadow was ended"));
        assert!(text(&by_hand, other).starts_with("Its trial as the canary was ended"));
    }
}
