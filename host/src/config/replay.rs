//! The settings of `replay`: those of `run`, the part of the source, and the release.

use chrono::Utc;
use clap::Args;
use sluice_engine::record::{Bound, Bounds, ShardId};
use sluice_release::bundle::ReleasePrefix;
use sluice_release::signature::PublicKey;
use sluice_storage::location::StoreLocation;

use super::{
    ConfigError, Mode, Part, PartArg, RegistryConfig, Resolved, RunArgs, RunSettings, StartAt,
};
use crate::source::file::Location;

/// The release of a replay, in place of the active one.
#[derive(Clone, Debug)]
pub struct PinnedRelease {
    /// Where the registry is.
    pub registry: StoreLocation,
    /// Which of its releases.
    pub release: ReleasePrefix,
    /// The key that it must be signed with.
    pub public_key: Option<PublicKey>,
}

impl PinnedRelease {
    /// A release has its own transform and configuration, so flags that give others would be ignored. The file
    /// and the environment are meant for `run`.
    pub(super) fn check_flags(
        release: Option<&ReleasePrefix>,
        resolved: &Resolved,
    ) -> Result<(), ConfigError> {
        match resolved.rules_flag() {
            Some((key, flag)) if release.is_some() => {
                let why =
                    format!("a release has its own; give either --release or {flag}, not both");
                Err(ConfigError::new(key, why))
            }
            _ => Ok(()),
        }
    }

    /// The release that is given, if one is. It is in the registry, which is not followed then.
    pub(super) fn of(
        release: Option<&ReleasePrefix>,
        registry: &mut Option<RegistryConfig>,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(release) = release.cloned() else {
            return Ok(None);
        };
        let Some(RegistryConfig {
            target, public_key, ..
        }) = registry.take()
        else {
            let why = "needs a registry; give --registry file:DIR or s3://BUCKET/PREFIX";
            return Err(ConfigError::new("release", why));
        };
        Ok(Some(Self {
            registry: target,
            release,
            public_key,
        }))
    }
}

/// The options of `replay`, on top of the settings of `run`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// Begin with this record: a time of arrival such as 2026-01-31T12:00:00Z, or the number in a
    /// record's id (the offset in a file). [default: the oldest record]
    #[arg(long, value_name = "TIME|NUMBER")]
    pub from: Option<Bound>,

    /// End with this record: the time before which it arrived, or its number. [default: the newest
    /// record]
    #[arg(long, value_name = "TIME|NUMBER")]
    pub to: Option<Bound>,

    /// Replay only this shard of the stream, or of the archive, as its folder there is called.
    #[arg(long, value_name = "SHARD")]
    pub shard: Option<String>,

    /// Replay only part K of N, such as 3/8; other processes replay the others into the same lake. `aws-batch` takes
    /// the part of this child of an array job. [default: the whole source]
    #[arg(long, value_name = "K/N|aws-batch")]
    pub part: Option<PartArg>,

    /// Transform with this release of the registry (`--registry`) instead of the active one: its id, or
    /// at least the first 8 digits of it. Each lake keeps a registry below `_sluice` with every release that has written to it.
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<ReleasePrefix>,

    /// The settings of `run`. The lake must be given as a flag, and a bus is used only if it is given
    /// as a flag: the file and the environment are meant for `run`. Nothing is archived. `--transform` or `--jq` as a
    /// flag takes precedence over a registry, and cannot be combined with `--release`. `--start` has no effect.
    #[command(flatten)]
    pub run: RunArgs,
}

impl ReplayArgs {
    /// Turns the settings of `run` into those of the replay.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn settings(&self, resolved: Resolved) -> Result<RunSettings, ConfigError> {
        let has_lake = resolved.is_flag("lake");
        let has_transform = resolved.is_flag("transform") || resolved.is_flag("jq");
        PinnedRelease::check_flags(self.release.as_ref(), &resolved)?;
        if !has_lake {
            let why =
                "missing; a replay needs another lake than `run`: give --lake s3://BUCKET/OTHER";
            return Err(ConfigError::new("lake", why));
        }
        if resolved.is_flag("archive") {
            let why = "a replay does not archive: its records were archived when they came; leave this out";
            return Err(ConfigError::new("archive", why));
        }
        let mut settings = resolved.without_archive().repeat_settings()?;
        let pinned = PinnedRelease::of(self.release.as_ref(), &mut settings.registry);
        settings.pinned_release = pinned?;
        settings.registry = settings.registry.filter(|_| !has_transform);
        settings.replay = Some(self.bounds(&settings.mode)?);
        settings.part = self.part(&settings.mode)?;
        self.restrict(&mut settings.mode)?;
        Ok(settings)
    }

    /// Makes the mode one of a replay: it ends, begins at the oldest record, and reads the given shard only.
    fn restrict(&self, mode: &mut Mode) -> Result<(), ConfigError> {
        match mode {
            Mode::Worker(stream) => {
                stream.exit_when_caught_up = true;
                stream.start = StartAt::TrimHorizon;
                stream.only_shard.clone_from(&self.shard);
            }
            Mode::Archive(archive) => {
                let shard = self.shard.as_deref().map(ShardId::new).transpose();
                archive.only_shard = shard.map_err(|why| ConfigError::new("shard", why))?;
            }
            Mode::Files(_) | Mode::Lambda | Mode::Redrive(_) => {}
        }
        Ok(())
    }

    /// A part is made of whole files or shards, which another process must find again.
    fn part(&self, mode: &Mode) -> Result<Option<Part>, ConfigError> {
        let Some(part) = self.part else {
            return Ok(None);
        };
        if self.shard.is_some() {
            let why = "a part is made of whole shards; give either --part or --shard, not both";
            return Err(ConfigError::new("part", why));
        }
        if mode
            .files()
            .is_some_and(|files| files.contains(&Location::Stdin))
        {
            let why = "standard input cannot be divided; give files, objects or a stream, or leave this out";
            return Err(ConfigError::new("part", why));
        }
        part.resolve(|name| std::env::var(name).ok()).map(Some)
    }

    fn bounds(&self, mode: &Mode) -> Result<Bounds, ConfigError> {
        let (from, to) = (self.from, self.to);
        let bounds = Bounds { from, to };
        let named = [("from", from), ("to", to)];
        for (key, bound) in named {
            let why = match (bound, mode) {
                (Some(Bound::Moment(_)), Mode::Files(_)) => {
                    "a file has no times of arrival; give the offset of a line"
                }
                (Some(Bound::Sequence(_)), Mode::Worker(_) | Mode::Archive(_))
                    if self.shard.is_none() =>
                {
                    "a number belongs to one shard; give --shard as well, or a time"
                }
                (Some(Bound::Moment(at)), _) if at > Utc::now().timestamp_millis() => {
                    "lies in the future; give a past time"
                }
                _ => continue,
            };
            return Err(ConfigError::new(key, why));
        }
        if *mode == Mode::Lambda {
            return Err(ConfigError::new(
                "source",
                "a replay reads files, objects, a stream or an archive; give file:PATH, s3://BUCKET/PREFIX, kinesis:STREAM or \
                 archive:TARGET",
            ));
        }
        if self.shard.is_some() && matches!(mode, Mode::Files(_)) {
            return Err(ConfigError::new(
                "shard",
                "a file has no shards; leave this out",
            ));
        }
        match (from, to) {
            (Some(Bound::Sequence(a)), Some(Bound::Sequence(b))) if a > b => Err(ConfigError::new(
                "to",
                "lies before --from; give a later one",
            )),
            (Some(Bound::Moment(a)), Some(Bound::Moment(b))) if a >= b => Err(ConfigError::new(
                "to",
                "lies before --from; give a later one",
            )),
            _ => Ok(bounds),
        }
    }
}
