//! What the outcome is compared with: the choice of the user, or what makes most sense.

use sluice_release::bundle::ReleaseBundle;

use super::form::{ACTIVE, LAST, NOTHING, REJECTED, TryForm};
use super::loaded::Loaded;
use super::releases;
use crate::config::transform_source::parse_builtin;
use crate::console::Console;
use crate::console::cached::View;
use crate::console::pages::schema;
use crate::output::{counted, with_causes};

/// What the outcome is compared with.
pub(super) enum Baseline {
    /// Nothing: why.
    Nothing(String),
    /// It cannot be read: what, and why.
    Failed(String),
    /// These rules.
    Rules(Box<ComparedRules>),
}

/// Rules that others are compared with.
pub(super) struct ComparedRules {
    pub(super) bundle: ReleaseBundle,
    /// What they are, such as `the active release`.
    pub(super) role: String,
    /// Whether they are a release, which its id names.
    pub(super) is_release: bool,
    /// Why there is nothing better to compare with.
    pub(super) why: String,
}

impl Baseline {
    fn rules(bundle: ReleaseBundle, role: String, is_release: bool) -> Self {
        Self::Rules(Box::new(ComparedRules {
            bundle,
            role,
            is_release,
            why: String::new(),
        }))
    }

    /// A release that was searched for.
    fn found(
        found: anyhow::Result<Option<ReleaseBundle>>,
        role: String,
        missing: impl FnOnce() -> String,
    ) -> Self {
        match found {
            Ok(Some(bundle)) => Self::rules(bundle, role, true),
            Ok(None) => Self::Nothing(missing()),
            Err(error) => Self::Failed(format!("{role}: {}", with_causes(&error))),
        }
    }
}

/// What a form names.
pub(super) async fn chosen(console: &Console, form: &TryForm, loaded: &Loaded) -> Baseline {
    match &*form.against {
        "" => by_itself(console, loaded).await,
        ACTIVE => active(console).await,
        REJECTED => rejected(console, loaded).await,
        LAST => last(console).await,
        NOTHING => Baseline::Nothing("You have chosen to compare with nothing.".into()),
        name => match parse_builtin(name) {
            Ok(builtin) => match releases::with_defaults(builtin) {
                Some(bundle) => Baseline::rules(bundle, "a built-in transform".into(), false),
                None => Baseline::Failed(format!("{builtin}: it is damaged")),
            },
            Err(_) => match releases::named(console, name).await {
                Ok(bundle) => {
                    Baseline::rules(bundle, "the release that you have chosen".into(), true)
                }
                Err(error) => {
                    Baseline::Failed(format!("the release that you have chosen: {error}"))
                }
            },
        },
    }
}

/// The active release, or else the one that has rejected the records, or else the one that has written last.
async fn by_itself(console: &Console, loaded: &Loaded) -> Baseline {
    let mut whys = Vec::new();
    for attempt in [ACTIVE, REJECTED, LAST] {
        let found = match attempt {
            ACTIVE => active(console).await,
            REJECTED => rejected(console, loaded).await,
            _ => last(console).await,
        };
        match found {
            Baseline::Nothing(why) => whys.push(why),
            Baseline::Failed(why) => return Baseline::Failed(why),
            Baseline::Rules(mut rules) => {
                rules.why = whys.join(" ");
                return Baseline::Rules(rules);
            }
        }
    }
    Baseline::Nothing(whys.join(" "))
}

async fn active(console: &Console) -> Baseline {
    let role = "the active release".to_owned();
    let Some(place) = &console.registry else {
        let why = "The console shows no registry, so it knows no active release; start it with --registry.";
        return Baseline::Nothing(why.into());
    };
    let active = match console.releases.view(place).await {
        View::Reading => {
            return Baseline::Failed(format!("{role}: the registry is still being read"));
        }
        View::Failed(why) => return Baseline::Failed(format!("{role}: {why}")),
        View::Ready(seen) => seen.value.rollout.active,
    };
    match active {
        None => Baseline::Nothing("No release of the registry is active.".into()),
        Some(id) => {
            let found = releases::by_id(console, id).await;
            Baseline::found(found, role, || releases::unknown(id))
        }
    }
}

/// The release that has quarantined most of the records.
async fn rejected(console: &Console, loaded: &Loaded) -> Baseline {
    let Some((id, records)) = loaded.rejected_by() else {
        return Baseline::Nothing("The records do not come from quarantine.".into());
    };
    let role = match loaded.len() as u64 {
        all if all == records => "the release that has rejected the records".to_owned(),
        all => format!(
            "the release that has rejected {records} of the {}",
            counted(all, "record")
        ),
    };
    let found = releases::by_id(console, id).await;
    Baseline::found(found, role, || releases::unknown(id))
}

/// The release of the newest chunk of the lake.
async fn last(console: &Console) -> Baseline {
    let Some(lake) = &console.lake else {
        return Baseline::Nothing("The console shows no lake; start it with --lake.".into());
    };
    let newest = schema::newest(console, lake).await;
    let Some(digits) = newest.and_then(|newest| newest.release) else {
        return Baseline::Nothing("No committed chunk of the lake was found so far.".into());
    };
    let found = releases::by_first_digits(console, digits).await;
    let role = "the release that has written to the lake last".to_owned();
    Baseline::found(found, role, || {
        format!(
            "Release {digits} has written to the lake last, and the lake does not have its rules any more."
        )
    })
}

/// The columns that events are partitioned by: those of the rules that are compared with, and those of the lake.
pub(super) async fn usual_columns(console: &Console, baseline: &Baseline) -> Vec<String> {
    let mut columns = match baseline {
        Baseline::Rules(rules) => releases::columns(&rules.bundle),
        Baseline::Nothing(_) | Baseline::Failed(_) => Vec::new(),
    };
    if let Some(lake) = &console.lake
        && let Some(newest) = schema::newest(console, lake).await
    {
        let more = newest.columns.into_iter();
        let more = more.filter(|column| !columns.contains(column));
        let more: Vec<_> = more.collect();
        columns.extend(more);
    }
    columns
}
