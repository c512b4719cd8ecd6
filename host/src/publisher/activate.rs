//! `sluice transform activate` and `rollback`: which release serves.

use std::time::Duration;

use clap::{ArgAction, Args};

use super::{Place, author, change, gate, named};
use crate::config::ConfigError;
use crate::transform::admission::Refused;
use crate::transform::guard::Guard;
use crate::transform::rollout::{Rollout, Share, Trial};
use crate::transform::signature::PublicKey;

/// What is to serve.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// The release: its id, or the first 8 digits of it or more.
    release: String,
    #[command(flatten)]
    place: Place,
    /// Let it serve a part of the chunks, such as 5%.
    #[arg(long, value_name = "SHARE", conflicts_with = "shadow")]
    canary: Option<Share>,
    /// Let it run beside the one that serves, on all chunks or a part of them, and land nothing; hosts
    /// count what differs.
    #[arg(long, value_name = "SHARE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "100%")]
    shadow: Option<Share>,
    #[command(flatten)]
    guard: GuardArgs,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// The key that it has to be signed with: an Ed25519 public key in PEM, or a file that holds one.
    #[arg(long, env = "SLUICE_PUBLIC_KEY", value_name = "PEM|FILE")]
    public_key: Option<String>,
    /// Activate it without trying it here, because it needs other limits than the usual ones.
    #[arg(long, action = ArgAction::SetTrue)]
    unchecked: bool,
}

/// What hosts take it back for on their own, measured against the release before.
#[derive(Debug, Args)]
struct GuardArgs {
    /// Take it back when it rejects more than this part of the records on top.
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    max_rejected: Share,
    /// Take it back when it traps on or runs into limits with more than this part on top.
    #[arg(long, value_name = "SHARE", default_value = "0.1%")]
    max_failed: Share,
    /// Take it back when a record takes so many times as long.
    #[arg(long, value_name = "TIMES", default_value_t = Guard::default().slower)]
    max_slower: f64,
    /// Judge it from so many records of a host on.
    #[arg(long, value_name = "N", default_value_t = Guard::default().records)]
    judge_after: u64,
    /// Watch it for so long; a canary is watched as long as it is one.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    watch: Duration,
    /// Never take it back.
    #[arg(long, action = ArgAction::SetTrue)]
    unguarded: bool,
}

impl GuardArgs {
    fn guard(&self) -> Result<Option<Guard>, ConfigError> {
        if self.max_slower.is_nan() || self.max_slower < 1.0 {
            return Err(ConfigError::new("max_slower", "must be 1 or more"));
        }
        let guard = Guard {
            rejected: self.max_rejected.into(),
            failed: self.max_failed.into(),
            slower: self.max_slower,
            records: self.judge_after.max(1),
            watch: self.watch.into(),
        };
        Ok((!self.unguarded).then_some(guard))
    }
}

/// What is to be taken back.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    place: Place,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// Lets a release serve.
///
/// # Errors
/// A release that is not there or would be refused, and a change of somebody else at the same moment.
pub async fn activate(args: &ActivateArgs) -> anyhow::Result<()> {
    let guard = args.guard.guard()?;
    let key = args.public_key.as_deref().map(PublicKey::parse).transpose();
    let key = key.map_err(|why| ConfigError::new("public_key", why))?;
    let registry = args.place.open().await?;
    let release = named(&registry, &args.release).await?;
    let seen = registry.active().await?;
    if args.unchecked {
        registry.manifest(release).await?;
    } else {
        let refused = |refused: Refused| anyhow::anyhow!("it would be refused: {refused}");
        let tried = gate()?.admit_from(&registry, key.as_ref(), release).await;
        tried.map_err(refused)?;
    }
    let author = author(args.why.as_ref());
    let trial = |share, guard| Trial {
        release,
        share,
        guard,
    };
    let next = match (args.canary, args.shadow) {
        (Some(share), _) => seen.rollout.try_canary(trial(share, guard), &author),
        (None, Some(share)) => seen.rollout.try_shadow(trial(share, None), &author),
        (None, None) => seen.rollout.activate(release, guard, &author),
    }?;
    change(&registry, &seen, &next).await?;
    println!("{}", state(&next));
    Ok(())
}

/// Ends a trial, or goes back.
///
/// # Errors
/// Nothing to go back to, and a change of somebody else at the same moment.
pub async fn roll_back(args: &RollbackArgs) -> anyhow::Result<()> {
    let registry = args.place.open().await?;
    let seen = registry.active().await?;
    let next = seen.rollout.roll_back(&author(args.why.as_ref()))?;
    change(&registry, &seen, &next).await?;
    println!("{}", state(&next));
    Ok(())
}

/// What serves, in a line or more.
pub fn state(rollout: &Rollout) -> String {
    let mut text = match rollout.active {
        Some(release) => format!("active  {release}  since {}", rollout.since),
        None => "active  nothing: hosts serve the transform that they were started with".into(),
    };
    for (name, trial) in [("canary", &rollout.canary), ("shadow", &rollout.shadow)] {
        if let Some(Trial { release, share, .. }) = trial {
            text += &format!("\n{name}  {release}  on {share} of the chunks");
        }
    }
    text
}
