//! The mode of a run and what follows from it.

use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use chrono::DateTime;
use sluice_engine::record::ShardId;
use sluice_storage::location::StoreLocation;

use super::suggestion::did_you_mean;
use super::target::{check_path, check_s3, parse_store, wrong};
use super::{ConfigError, HttpBind, RedriveSettings};
use crate::source::file::{Location, ObjectsAddress};
use crate::source::kinesis::StreamAddress;

/// The forms that a source takes.
const SOURCES: &[&str] = &[
    "file:PATH",
    "s3://BUCKET/PREFIX",
    "-",
    "kinesis:STREAM",
    "archive:TARGET",
];

/// The mode of a run, which follows from its source. What depends on the mode and is not the mode's own
/// work is a property here, so that a new mode is decided on in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lands files and objects of S3, in order. A location can be a folder, a prefix or a pattern, which stands for several
    /// of them.
    Files(Vec<Location>),
    /// Works on the shards of a stream of Kinesis, together with other workers.
    Worker(StreamSettings),
    /// Lands the batches that a Lambda function receives.
    Lambda,
    /// Lands the shards of an archive, several at once.
    Archive(ArchiveSettings),
    /// Lands quarantined records of the lake once more.
    Redrive(RedriveSettings),
}

/// The settings of an archive as a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// Where it is.
    pub location: StoreLocation,
    /// The shard of a replay that is restricted to one.
    pub only_shard: Option<ShardId>,
}

/// The settings of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The name of the stream, or its ARN.
    pub stream: StreamAddress,
    /// Where a new pipeline starts.
    pub start: StartAt,
    /// Whether to exit when every shard is at its tip.
    pub exit_when_caught_up: bool,
    /// How long a lease is valid without a renewal.
    pub lease: Duration,
    /// How long a worker waits for its chunks after a signal to stop.
    pub shutdown_timeout: Duration,
    /// The shard of a replay that is restricted to one.
    pub only_shard: Option<String>,
    /// What to do if records behind a checkpoint may be lost.
    pub on_expired_checkpoint: OnExpiredCheckpoint,
}

/// What a worker does if the stream has lost records before they were landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnExpiredCheckpoint {
    /// End with an error.
    Stop,
    /// Note the lost range in the ledger, and go on with the records that are left.
    Continue,
}

/// Where a new pipeline starts in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At the oldest record in the stream.
    TrimHorizon,
    /// At records that arrive from now on.
    Latest,
    /// At the first record that arrived at or after this moment, milliseconds since the Unix epoch.
    Moment(i64),
}

impl FromStr for StartAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "trim_horizon" => Ok(Self::TrimHorizon),
            "latest" => Ok(Self::Latest),
            moment => DateTime::parse_from_rfc3339(moment)
                .map(|moment| Self::Moment(moment.timestamp_millis()))
                .map_err(|_| {
                    let hint = did_you_mean(moment, ["trim_horizon", "latest"]);
                    let hint = hint.unwrap_or_default();
                    format!(
                        "expected trim_horizon, latest or a time such as 2026-01-31T12:00:00Z{hint}"
                    )
                }),
        }
    }
}

impl Mode {
    /// Parses `file:PATH`, `s3://BUCKET/PREFIX` and `-`, which may come several times, `kinesis:STREAM`, which `stream` makes the
    /// settings for, `archive:TARGET`, and `lambda`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(
        sources: &[String],
        stream: impl Fn(&str) -> Result<StreamSettings, ConfigError>,
    ) -> Result<Self, ConfigError> {
        if sources == ["lambda"] {
            return Ok(Self::Lambda);
        }
        if let Some(name) = sources
            .iter()
            .find_map(|source| source.strip_prefix("kinesis:"))
        {
            return match sources {
                [_] if !name.is_empty() => stream(name).map(Self::Worker),
                [given] => Err(wrong("source", given, &["kinesis:STREAM"])),
                _ => Err(ConfigError::new(
                    "source",
                    "a stream cannot be combined with another source",
                )),
            };
        }
        if let Some(target) = sources
            .iter()
            .find_map(|source| source.strip_prefix("archive:"))
        {
            return match sources {
                [_] => archive(target).map(Self::Archive),
                _ => Err(ConfigError::new(
                    "source",
                    "an archive cannot be combined with another source",
                )),
            };
        }
        let files = (1..).zip(sources).map(|(place, source)| {
            file(source).map_err(|error| match sources.len() {
                1 => error,
                all => {
                    ConfigError::new(error.key, format!("value {place} of {all}: {}", error.why))
                }
            })
        });
        files.collect::<Result<_, _>>().map(Self::Files)
    }

    /// The files, in the mode for files.
    #[must_use]
    pub fn files(&self) -> Option<&[Location]> {
        match self {
            Self::Files(files) => Some(files),
            Self::Worker(_) | Self::Lambda | Self::Archive(_) | Self::Redrive(_) => None,
        }
    }

    /// The archive, in the mode for archives.
    #[must_use]
    pub fn archive(&self) -> Option<&ArchiveSettings> {
        match self {
            Self::Archive(archive) => Some(archive),
            Self::Files(_) | Self::Worker(_) | Self::Lambda | Self::Redrive(_) => None,
        }
    }

    /// The stream, in the mode of a worker. Its shards are read at the same time, until they end, and
    /// leases and heartbeats keep other workers away.
    #[must_use]
    pub fn stream(&self) -> Option<&StreamSettings> {
        match self {
            Self::Worker(stream) => Some(stream),
            Self::Files(_) | Self::Lambda | Self::Archive(_) | Self::Redrive(_) => None,
        }
    }

    /// The default size of a chunk. Records of a stream come more slowly than objects are written, so
    /// its chunks can be larger. Those of an archive are as large, so that they have the same records as those of the stream.
    pub(super) fn default_chunk_bytes(&self) -> ByteSize {
        match self {
            Self::Files(_) | Self::Redrive(_) => ByteSize::mib(24),
            Self::Worker(_) | Self::Lambda | Self::Archive(_) => ByteSize::mib(64),
        }
    }

    /// Whether a chunk closes at an age: new records may be long in coming.
    pub(super) fn waits_for_records(&self) -> bool {
        self.stream().is_some()
    }

    /// Where metrics and health are exposed by default.
    pub(super) fn default_http(&self) -> HttpBind {
        match self {
            Self::Worker(_) => HttpBind::worker_default(),
            Self::Files(_) | Self::Lambda | Self::Archive(_) | Self::Redrive(_) => HttpBind::Off,
        }
    }
}

/// Parses what follows `archive:`.
fn archive(target: &str) -> Result<ArchiveSettings, ConfigError> {
    let location = parse_store("source", target);
    Ok(ArchiveSettings {
        location: location.map_err(|error| {
            let why = format!("after `archive:`, {}", error.why);
            ConfigError::new(error.key, why)
        })?,
        only_shard: None,
    })
}

fn file(source: &str) -> Result<Location, ConfigError> {
    check_path("source", source)?;
    match source.strip_prefix("file:") {
        _ if source == "-" => Ok(Location::Stdin),
        Some(path) if !path.is_empty() => Ok(Location::File(path.into())),
        None if source.starts_with("s3://") => parse_objects(source).map(Location::Objects),
        _ => Err(wrong("source", source, SOURCES)),
    }
}

/// Parses `s3://BUCKET/KEY`. The key is taken as it is: a slash at its end says that it is a prefix.
fn parse_objects(source: &str) -> Result<ObjectsAddress, ConfigError> {
    let address = source.strip_prefix("s3://").unwrap_or_default();
    let (bucket, key) = address.split_once('/').unwrap_or((address, ""));
    if bucket.is_empty() {
        return Err(wrong("source", source, SOURCES));
    }
    check_s3("source", source, bucket, key)?;
    Ok(ObjectsAddress {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_stream(name: &str) -> Result<StreamSettings, ConfigError> {
        Err(ConfigError::new("source", name))
    }

    #[test]
    fn only_a_worker_reads_a_stream_and_waits_for_records() {
        let stream = StreamSettings {
            stream: "events".parse().unwrap(),
            start: StartAt::TrimHorizon,
            exit_when_caught_up: false,
            lease: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(1),
            only_shard: None,
            on_expired_checkpoint: OnExpiredCheckpoint::Stop,
        };
        let parse = |source: &str| Mode::parse(&[source.into()], |_| Ok(stream.clone())).unwrap();
        let modes = ["file:a", "kinesis:events", "lambda", "archive:file:a"].map(parse);
        assert_eq!(
            modes.each_ref().map(Mode::waits_for_records),
            [false, true, false, false]
        );
        assert_eq!(
            modes.each_ref().map(|mode| mode.stream().is_some()),
            [false, true, false, false]
        );
        assert_eq!(
            modes.each_ref().map(|mode| mode.files().is_some()),
            [true, false, false, false]
        );
        assert_eq!(
            modes.each_ref().map(|mode| mode.archive().is_some()),
            [false, false, false, true]
        );
        for mode in [&modes[0], &modes[2], &modes[3]] {
            assert_eq!(mode.default_http(), HttpBind::Off);
        }
        assert_eq!(
            modes[3].default_chunk_bytes(),
            modes[1].default_chunk_bytes()
        );
        assert!(modes[0].default_chunk_bytes() < modes[1].default_chunk_bytes());
    }

    #[test]
    fn a_new_pipeline_begins_where_it_is_told() {
        assert_eq!("latest".parse(), Ok(StartAt::Latest));
        assert_eq!(
            "2026-01-01T00:00:00Z".parse(),
            Ok(StartAt::Moment(1_767_225_600_000))
        );
        assert!("yesterday".parse::<StartAt>().is_err());
    }

    #[test]
    fn an_archive_is_a_folder_or_a_prefix_and_the_only_source() {
        for (source, location) in [
            ("archive:file:old", StoreLocation::Folder("old".into())),
            (
                "archive:s3://bucket/old",
                StoreLocation::S3 {
                    bucket: "bucket".into(),
                    prefix: "old/".into(),
                },
            ),
        ] {
            let mode = Mode::parse(&[source.into()], no_stream).unwrap();
            assert_eq!(mode.archive().unwrap().location, location);
        }
        let error = Mode::parse(&["archive:old".into()], no_stream).unwrap_err();
        assert_eq!(
            error.to_string(),
            "source: after `archive:`, \"old\" is not file:DIR or s3://BUCKET/PREFIX; did you mean `file:old`?"
        );
        let two = ["file:a".into(), "archive:file:old".into()];
        let error = Mode::parse(&two, no_stream).unwrap_err();
        assert!(error.why.contains("cannot be combined"), "{error}");
    }

    #[test]
    fn objects_are_named_by_bucket_and_key() {
        for (source, bucket, key) in [
            ("s3://bucket", "bucket", ""),
            ("s3://bucket/", "bucket", ""),
            ("s3://bucket/in", "bucket", "in"),
            ("s3://bucket/in/", "bucket", "in/"),
            ("s3://bucket/in/*.gz", "bucket", "in/*.gz"),
        ] {
            let mode = Mode::parse(&[source.into()], no_stream).unwrap();
            let address = ObjectsAddress {
                bucket: bucket.into(),
                key: key.into(),
            };
            assert_eq!(mode, Mode::Files(vec![Location::Objects(address)]));
        }
        for wrong in ["s3://", "s3:///in", "s3://Bucket/in", "s3://bucket/../in"] {
            let error = Mode::parse(&[wrong.into()], no_stream).unwrap_err();
            assert_eq!(error.key, "source", "{error}");
        }
    }

    #[test]
    fn a_slip_gets_a_hint() {
        let error = Mode::parse(&["events.ndjson".into()], no_stream)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("did you mean `file:events.ndjson`?"),
            "{error}"
        );
        let error = "lastest".parse::<StartAt>().unwrap_err();
        assert!(error.contains("did you mean `latest`?"), "{error}");
        let several = ["file:a".into(), "fill:b".into()];
        let error = Mode::parse(&several, no_stream).unwrap_err().to_string();
        assert!(
            error.starts_with("source: value 2 of 2: \"fill:b\" is not "),
            "{error}"
        );
        let stdin = Mode::parse(&["-".into()], no_stream).unwrap();
        assert_eq!(stdin, Mode::Files(vec![Location::Stdin]));
    }
}
