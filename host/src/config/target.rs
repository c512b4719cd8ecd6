//! Sources and targets as the settings name them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chrono::DateTime;

use super::ConfigError;
use super::suggestion::{ask, closest, did_you_mean};
use crate::source::file::Location;
use crate::storage::location::StoreLocation;

/// The forms that each target takes.
const SOURCES: &[&str] = &["file:PATH", "-", "kinesis:STREAM"];
const STORES: &[&str] = &["file:DIR", "s3://BUCKET/PREFIX"];
const BUSES: &[&str] = &["file:DIR", "sqs:QUEUE", "none"];

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Files, in order.
    Files(Vec<Location>),
    /// A stream of Kinesis.
    Stream(StreamSettings),
    /// The events of a Lambda function.
    Lambda,
}

/// The settings of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The name of the stream.
    pub stream: String,
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

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusTarget {
    /// A folder.
    Directory(PathBuf),
    /// A queue of SQS, by its name or URL.
    Sqs(String),
}

impl Sources {
    /// Parses `file:PATH` and `-`, which may come several times, `kinesis:STREAM`, which `stream` makes the
    /// settings for, and `lambda`.
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
                [_] if !name.is_empty() => stream(name).map(Self::Stream),
                [given] => Err(wrong("source", given, &["kinesis:STREAM"])),
                _ => Err(ConfigError::new(
                    "source",
                    "a stream cannot be combined with another source",
                )),
            };
        }
        let files = sources
            .iter()
            .map(|source| match source.strip_prefix("file:") {
                _ if source == "-" => Ok(Location::Stdin),
                Some(path) if !path.is_empty() => Ok(Location::File(path.into())),
                _ => Err(wrong("source", source, SOURCES)),
            });
        files.collect::<Result<_, _>>().map(Self::Files)
    }
}

impl StoreLocation {
    /// Parses `file:DIR` and `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(target: &str) -> Result<Self, ConfigError> {
        Self::parse_as("lake", target)
    }

    /// As [`parse`](Self::parse), for a setting of another name.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse_as(key: &str, target: &str) -> Result<Self, ConfigError> {
        if let Some(path) = target.strip_prefix("s3://") {
            let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
            let prefix = prefix.trim_matches('/');
            if !bucket.is_empty() {
                let slash = if prefix.is_empty() { "" } else { "/" };
                return Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    prefix: format!("{prefix}{slash}"),
                });
            }
        }
        match target.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(Self::Folder(path.into())),
            _ => Err(wrong(key, target, STORES)),
        }
    }
}

impl BusTarget {
    /// Parses `file:DIR`, `sqs:QUEUE` (a name or a URL), and `none`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(target: &str) -> Result<Option<Self>, ConfigError> {
        if target == "none" {
            return Ok(None);
        }
        match target.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Some(Self::Directory(path.into()))),
            Some(("sqs", queue)) if !queue.is_empty() => Ok(Some(Self::Sqs(queue.into()))),
            _ => Err(wrong("bus", target, BUSES)),
        }
    }
}

impl fmt::Display for BusTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Sqs(queue) => write!(f, "the queue {queue}"),
        }
    }
}

/// A target that is none of `expected`, with the one that it was probably meant to be.
fn wrong(key: &str, given: &str, expected: &[&str]) -> ConfigError {
    let hint = meant(given, expected).map(ask).unwrap_or_default();
    let expected = match expected.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => expected.concat(),
    };
    ConfigError::new(key, format!("{given:?} is not {expected}{hint}"))
}

/// The target with its scheme corrected, or a file if it has none.
fn meant(given: &str, expected: &[&str]) -> Option<String> {
    let words = expected.iter().filter(|form| !form.contains(':'));
    if let Some(word) = closest(given, words.copied()) {
        return Some(word.to_owned());
    }
    let Some((scheme, rest)) = given.split_once(':') else {
        return Some(format!("file:{given}")).filter(|_| !given.is_empty());
    };
    let schemes = expected
        .iter()
        .filter_map(|form| Some(form.split_once(':')?.0));
    let slashes = |scheme| if scheme == "s3" { "//" } else { "" };
    let meant = closest(scheme, schemes)?;
    let rest = rest.trim_start_matches('/');
    (!rest.is_empty()).then(|| format!("{meant}:{}{rest}", slashes(meant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_by_their_scheme() {
        let s3 = |bucket: &str, prefix: &str| StoreLocation::S3 {
            bucket: bucket.into(),
            prefix: prefix.into(),
        };
        assert_eq!(StoreLocation::parse("s3://lake").unwrap(), s3("lake", ""));
        assert_eq!(
            StoreLocation::parse("s3://lake/a/b/").unwrap(),
            s3("lake", "a/b/")
        );
        assert_eq!(
            StoreLocation::parse("file:x").unwrap(),
            StoreLocation::Folder("x".into())
        );
        assert_eq!(BusTarget::parse("none").unwrap(), None);
        let url = "https://sqs.eu-west-1.amazonaws.com/1/q";
        let bus = BusTarget::parse(&format!("sqs:{url}")).unwrap();
        assert_eq!(bus, Some(BusTarget::Sqs(url.into())));
        for lake in ["", "s3://", "file:", "gs://x", "lake"] {
            assert!(StoreLocation::parse(lake).is_err(), "{lake:?}");
        }
        for bus in ["", "sqs:", "file:", "kafka:x"] {
            assert!(BusTarget::parse(bus).is_err(), "{bus:?}");
        }
    }

    fn no_stream(name: &str) -> Result<StreamSettings, ConfigError> {
        Err(ConfigError::new("source", name))
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
    fn a_slip_gets_a_hint() {
        let error = Sources::parse(&["events.ndjson".into()], no_stream)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("did you mean `file:events.ndjson`?"),
            "{error}"
        );
        for (bus, hint) in [
            ("sqa:messages", "did you mean `sqs:messages`?"),
            ("non", "did you mean `none`?"),
            ("bus", "did you mean `file:bus`?"),
        ] {
            let error = BusTarget::parse(bus).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        for lake in ["S3://b/p", "s3:b/p", "s3:/b/p"] {
            let error = StoreLocation::parse(lake).unwrap_err().to_string();
            assert!(error.contains("did you mean `s3://b/p`?"), "{error}");
        }
        for hopeless in ["gs://x", "s3://", "file:", ""] {
            let error = StoreLocation::parse(hopeless).unwrap_err().to_string();
            assert!(!error.contains("did you mean"), "{error}");
        }
        let error = "lastest".parse::<StartAt>().unwrap_err();
        assert!(error.contains("did you mean `latest`?"), "{error}");
        let stdin = Sources::parse(&["-".into()], no_stream).unwrap();
        assert_eq!(stdin, Sources::Files(vec![Location::Stdin]));
    }
}
