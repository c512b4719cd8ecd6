//! Rules to start with: those that have rejected the records, as they were or with a small change of their configuration.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};
use serde_json::{Value, json};
use sluice_release::bundle::ReleaseBundle;

use super::form::{ACTIVE, RELEASE, TryForm};
use super::loaded::Loaded;
use super::{records, releases, rules};
use crate::builtin::Builtin;
use crate::console::Console;
use crate::console::components::of;
use crate::console::page::PageError;
use crate::console::payload::inert;

/// The values of the button that changes the rules.
const REJECTED: &str = "rejected";
const TIME: &str = "time";

/// How long a new page waits for the records, to begin with the rules that have rejected them.
const WAIT: Duration = Duration::from_secs(3);

/// The code by which `builtin:enrich` rejects a record whose time it cannot read. The message begins with the member.
const INVALID: &str = "invalid_field";

/// The member that has the time, and the setting of its format.
const TIME_MEMBER: (&str, &str) = ("time_member", "created_at");
const TIME_FORMAT: &str = "time_format";
const AUTO: &str = "auto";

/// The records of a form, and the rules that have rejected most of them.
async fn rejecting(console: &Console, loaded: &Loaded) -> Result<ReleaseBundle, PageError> {
    let Some((id, _)) = loaded.rejected_by() else {
        let why = "The records do not come from quarantine, so no release has rejected them.";
        return Err(PageError::Wrong(why.into()));
    };
    let found = releases::by_id(console, id).await?;
    found.ok_or_else(|| PageError::NotFound(releases::unknown(id)))
}

async fn load(console: &Console, form: &TryForm) -> Result<Arc<Loaded>, PageError> {
    records::load(console, form, &console.pages.try_rules.loaded).await
}

/// Begins with the rules that have rejected the records of a form, if they are known soon; or else with the active release, if
/// the contents of the records are hidden.
pub(super) async fn begin(console: &Console, form: &mut TryForm) {
    let found = async {
        let loaded = load(console, form).await?;
        let bundle = rejecting(console, &loaded).await?;
        Ok::<_, PageError>((bundle, !loaded.is_shown))
    };
    let found = tokio::time::timeout(WAIT, found).await;
    if let Ok(Ok((bundle, is_fixed))) = found {
        rules::fill_with(form, &bundle, is_fixed);
    } else if !records::is_shown(console, form) && console.registry.is_some() {
        // Other rules would be refused.
        form.rules = RELEASE.into();
        form.release = ACTIVE.into();
    }
}

/// Changes the rules of a form as its button says.
///
/// # Errors
/// The records or the rules that have rejected them cannot be read.
pub(super) async fn change(console: &Console, form: &mut TryForm) -> Result<(), PageError> {
    let loaded = load(console, form).await?;
    let bundle = rejecting(console, &loaded).await?;
    let bundle = match &*form.start {
        TIME if loaded.is_shown => with_any_time(&bundle)?.unwrap_or(bundle),
        _ => bundle,
    };
    rules::fill_with(form, &bundle, !loaded.is_shown);
    Ok(())
}

/// What can be started with, for the records of a form.
pub(super) async fn offer(console: &Console, form: &TryForm, loaded: &Loaded) -> Markup {
    match rejecting(console, loaded).await {
        Ok(bundle) => shown(form, loaded, &bundle),
        Err(_) => html! {},
    }
}

fn shown(form: &TryForm, loaded: &Loaded, bundle: &ReleaseBundle) -> Markup {
    let is_chosen = |bundle: &ReleaseBundle| {
        let mut filled = form.clone();
        rules::fill_with(&mut filled, bundle, !loaded.is_shown);
        rules::are_same(form, &filled)
    };
    let by_time = match with_any_time(bundle) {
        // Where contents are hidden, rules are tried as they are.
        Ok(Some(changed)) if loaded.is_shown && !is_chosen(&changed) => {
            rejected_for_time(loaded, bundle)
        }
        _ => 0,
    };
    let has_other_rules = !is_chosen(bundle);
    let button = |value: &str, text: &str| {
        html! { button type="submit" form="try-form" formaction="/try/run" name="start" value=(value) { (text) } }
    };
    html! {
        @if by_time > 0 || has_other_rules {
            div.start {
                p { "The records were rejected by " (releases::described(bundle)) "." }
                @if by_time > 0 {
                    p {
                        (of(by_time, loaded.len() as u64)) " for the format of their time, the member "
                        code { (inert(&time_member(bundle))) } ". "
                        (button(TIME, "Take times in any format (time_format: auto)"))
                        " The times stay in the events as they came: numbers and texts, seconds and milliseconds beside each other."
                    }
                }
                @if has_other_rules { p { (button(REJECTED, "Start with these rules")) } }
            }
        }
    }
}

fn config(bundle: &ReleaseBundle) -> Value {
    serde_json::from_str(bundle.transform_config()).unwrap_or_default()
}

/// The member that has the time.
fn time_member(bundle: &ReleaseBundle) -> String {
    let (setting, default) = TIME_MEMBER;
    let config = config(bundle);
    config[setting].as_str().unwrap_or(default).to_owned()
}

/// How many records were rejected because of their time.
fn rejected_for_time(loaded: &Loaded, bundle: &ReleaseBundle) -> u64 {
    let begin = format!("{}: ", time_member(bundle));
    let id = bundle.manifest().id();
    let origins = loaded.parts.iter().flat_map(|part| &part.origins);
    let mut records = 0;
    for origin in origins.filter(|origin| origin.rejected_by == Some(id)) {
        let quarantined = origin.quarantined.as_ref();
        let is_time =
            quarantined.is_some_and(|(code, why)| code == INVALID && why.starts_with(&begin));
        records += u64::from(is_time);
    }
    records
}

/// The same rules, but for times in any format; `None` if they are not `builtin:enrich`, or take any format already.
///
/// # Errors
/// None is expected.
fn with_any_time(bundle: &ReleaseBundle) -> Result<Option<ReleaseBundle>, PageError> {
    let mut config = config(bundle);
    let is_enrich = releases::builtin(bundle.manifest()) == Some(Builtin::Enrich);
    if !is_enrich || config[TIME_FORMAT] == AUTO || !config.is_object() {
        return Ok(None);
    }
    config[TIME_FORMAT] = json!(AUTO);
    rules::configured(bundle, &config.to_string()).map(Some)
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::{Batch, ShardId};

    use super::super::form::JQ;
    use super::*;
    use crate::tools::author::try_rules::input::Records;
    use crate::tools::author::try_rules::origin::Origin;

    fn enrich(config: &str) -> ReleaseBundle {
        ReleaseBundle::new(Builtin::Enrich.component().to_vec(), config).unwrap()
    }

    /// Records that a release has rejected with these messages.
    fn loaded(bundle: &ReleaseBundle, messages: &[&str]) -> Loaded {
        let origin = |message: &&str| Origin {
            quarantined: Some((INVALID.into(), (*message).into())),
            rejected_by: Some(bundle.manifest().id()),
            ..Origin::default()
        };
        let records = Records {
            batch: Batch::new(ShardId::new("s").unwrap()),
            origins: messages.iter().map(origin).collect(),
        };
        let mut loaded = Loaded::default();
        loaded.is_shown = true;
        loaded.parts.push(records);
        loaded
    }

    #[test]
    fn records_with_another_time_can_be_taken_by_one_click() {
        let rules = enrich(r#"{"partition_by":["date"]}"#);
        let loaded = loaded(&rules, &["created_at: a text", "other: a text"]);
        assert_eq!(rejected_for_time(&loaded, &rules), 1);
        let html = shown(&TryForm::default(), &loaded, &rules).into_string();
        for part in [
            "value=\"time\"",
            "value=\"rejected\"",
            "<code>created_at</code>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let changed = with_any_time(&rules).unwrap().unwrap();
        assert_eq!(
            changed.transform_config(),
            r#"{"partition_by":["date"],"time_format":"auto"}"#
        );
        let mut form = TryForm::default();
        rules::fill_with(&mut form, &changed, false);
        assert_eq!(form.rules, "enrich");
        assert!(form.config().contains("\"auto\""), "{}", form.config());
        // A configuration belongs to its kind of rules.
        let jq = TryForm {
            rules: JQ.into(),
            ..form.clone()
        };
        assert_eq!(jq.config(), "");
        let html = shown(&form, &loaded, &rules).into_string();
        assert!(!html.contains("value=\"time\""), "{html}");
        let mut hidden = loaded;
        hidden.is_shown = false;
        let html = shown(&TryForm::default(), &hidden, &rules).into_string();
        assert!(!html.contains("value=\"time\""), "{html}");
        assert!(html.contains("value=\"rejected\""), "{html}");
    }

    #[test]
    fn the_member_and_the_format_are_those_of_the_configuration() {
        let rules = enrich(r#"{"time_member":"at","time_format":"iso8601"}"#);
        let loaded = loaded(&rules, &["created_at: a text", "at: a number"]);
        assert_eq!(rejected_for_time(&loaded, &rules), 1);
        let auto = enrich(r#"{"time_format":"auto"}"#);
        assert_eq!(with_any_time(&auto).unwrap(), None);
        let other = ReleaseBundle::new(b"x".to_vec(), "{}").unwrap();
        assert_eq!(with_any_time(&other).unwrap(), None);
    }
}
