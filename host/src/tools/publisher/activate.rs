//! `sluice transform activate` and `rollback`.

use std::time::Duration;

use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};

use super::admission::{admit_stored, loader};
use super::change::{self, RolloutChange, author};
use super::{Place, named};
use crate::config::ConfigError;
use crate::config::quantity::{parse_duration, whole_number};
use crate::output;

use sluice_engine::sanitize::escape;
use sluice_release::rollback_policy::RollbackPolicy;
use sluice_release::rollout::{ChangeKind, Rollout, Share, Trial};
use sluice_release::signature::PublicKey;

/// Which release to activate, and how.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// The release: its id, or at least the first 8 digits of it.
    release: String,
    #[command(flatten)]
    place: Place,
    /// Activate it as a canary, which transforms a share of the chunks, such as 5%.
    #[arg(long, value_name = "SHARE", conflicts_with = "shadow")]
    canary: Option<Share>,
    /// Activate it as a shadow, which transforms a share of the chunks in addition to the active release (100% by
    /// default). Its output is compared and discarded.
    #[arg(long, value_name = "SHARE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "100%")]
    shadow: Option<Share>,
    #[command(flatten)]
    rollback_policy: RollbackPolicyArgs,
    /// Record the reason in the history.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Require a signature by this key: an Ed25519 public key in PEM, or a file that holds one.
    #[arg(long, env = "SLUICE_PUBLIC_KEY", value_name = "PEM|FILE")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    public_key: Option<String>,
    /// Skip admission on this machine, for a release that needs other limits than the defaults.
    #[arg(long, action = ArgAction::SetTrue)]
    unchecked: bool,
}

/// When hosts roll the release back, compared with the release before.
#[derive(Debug, Args)]
struct RollbackPolicyArgs {
    /// Roll back if it rejects this share of the records more.
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    max_rejected: Share,
    /// Roll back if it traps or exceeds limits on this share of the records more.
    #[arg(long, value_name = "SHARE", default_value = "0.1%")]
    max_failed: Share,
    /// Roll back if a record takes this many times as long, and more than 100 µs.
    #[arg(long, value_name = "TIMES", default_value_t = RollbackPolicy::default().slower)]
    #[arg(value_parser = parse_times)]
    max_slower: f64,
    /// Compare once a host has seen this many records.
    #[arg(long, value_name = "N", default_value_t = RollbackPolicy::default().records)]
    #[arg(value_parser = whole_number::<u64>(0..=u64::MAX))]
    min_records: u64,
    /// Compare for this long after activation. A canary is compared as long as it is one.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration)]
    watch: Duration,
    /// Never roll back automatically.
    #[arg(long, action = ArgAction::SetTrue)]
    no_rollback: bool,
}

/// Parses how many times as long something takes.
fn parse_times(text: &str) -> Result<f64, String> {
    let times = text.trim().parse();
    times.map_err(|_| "give a number, such as 1.5".to_owned())
}

impl RollbackPolicyArgs {
    fn policy(&self) -> Result<Option<RollbackPolicy>, ConfigError> {
        if self.max_slower.is_nan() || self.max_slower < 1.0 {
            return Err(ConfigError::new("max_slower", "must be 1 or more"));
        }
        let policy = RollbackPolicy {
            rejected: self.max_rejected.into(),
            failed: self.max_failed.into(),
            slower: self.max_slower,
            records: self.min_records.max(1),
            watch: self.watch.into(),
        };
        Ok((!self.no_rollback).then_some(policy))
    }
}

/// What to roll back.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    place: Place,
    /// Record the reason in the history.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Activates a release. One that is active already stays so, and nothing is written.
///
/// # Errors
/// A release that does not exist or fails admission, and a concurrent change.
pub async fn activate(args: &ActivateArgs) -> anyhow::Result<()> {
    let policy = args.rollback_policy.policy()?;
    let key = args.public_key.as_deref().map(PublicKey::parse).transpose();
    let key = key.map_err(|why| ConfigError::new("public_key", why))?;
    let registry = args.place.open().await?;
    let release = named(&args.place, &registry, &args.release).await?;
    let seen = registry.active().await?;
    if args.unchecked {
        let manifest = registry.manifest(release).await;
        manifest.with_context(|| args.place.context())?;
    } else {
        let admitted = admit_stored(&loader()?, &registry, key.as_ref(), release).await;
        admitted.with_context(|| args.place.context())?;
    }
    let trial = |share, rollback_policy| Trial {
        release,
        share,
        rollback_policy,
    };
    let change = match (args.canary, args.shadow) {
        (Some(share), _) => RolloutChange::Canary(trial(share, policy)),
        (None, Some(share)) => RolloutChange::Shadow(trial(share, None)),
        (None, None) if seen.rollout.active == Some(release) => {
            return active_already(&seen.rollout);
        }
        (None, None) => RolloutChange::Activate(release, policy),
    };
    let next = change.apply(&seen.rollout, &author(args.why.as_ref()))?;
    change::write(&registry, &seen, &next).await?;
    output::line(state(&next))?;
    Ok(())
}

/// Says that nothing had to be changed, so that a script can activate a release again.
fn active_already(rollout: &Rollout) -> anyhow::Result<()> {
    let trial = match rollout.canary.is_some() || rollout.shadow.is_some() {
        true => "; to end the trial, run `sluice transform rollback`",
        false => "",
    };
    output::message(format_args!(
        "the release is active already, and nothing was changed{trial}"
    ));
    output::line(state(rollout))?;
    Ok(())
}

/// Ends a trial, or activates the release before.
///
/// # Errors
/// No release to return to, and a concurrent change.
pub async fn roll_back(args: &RollbackArgs) -> anyhow::Result<()> {
    let registry = args.place.open().await?;
    let seen = registry.active().await?;
    let next = RolloutChange::RollBack.apply(&seen.rollout, &author(args.why.as_ref()));
    let next = next.with_context(|| args.place.context())?;
    change::write(&registry, &seen, &next).await?;
    output::message(restored(&seen.rollout, &next));
    output::line(state(&next))?;
    Ok(())
}

/// What a rollback has changed, for people: `before` became `after`. A rollback after another one goes further back, also
/// if a host did the first one, so it says how to undo it.
fn restored(before: &Rollout, after: &Rollout) -> String {
    let done = after.history.last().map(|change| change.what);
    let (Some(ChangeKind::Rollback), Some(from)) = (done, before.active) else {
        return "the trial has ended; the active release is the same as before".to_owned();
    };
    let last = before.history.last();
    let again = last.filter(|last| last.what == ChangeKind::Rollback);
    let to = match (after.active, again) {
        (Some(to), None) => return format!("rolled back from {from} to {to}"),
        (Some(to), Some(_)) => format!(" to {to}"),
        (None, _) => {
            "; no release is active now, so hosts run the transform that they were started with"
                .to_owned()
        }
    };
    let again = again.map_or_else(String::new, |last| {
        let (at, by) = (escape(&last.at), escape(&last.by));
        format!(
            "; the change before was a rollback too (at {at}, by {by}), so this one went one release further back"
        )
    });
    format!(
        "rolled back from {from}{to}{again}; to undo it, run `sluice transform activate {from}`"
    )
}

/// The active release and the trials, for people.
pub fn state(rollout: &Rollout) -> String {
    let mut text = match rollout.active {
        Some(release) => format!("active  {release}  since {}", escape(&rollout.since)),
        None => "active  nothing: hosts run the transform that they were started with".into(),
    };
    for (name, trial) in [("canary", &rollout.canary), ("shadow", &rollout.shadow)] {
        if let Some(Trial { release, share, .. }) = trial {
            text += &format!("\n{name}  {release}  on {share} of the chunks");
        }
    }
    text
}
