//! Which quarantined records a command takes, as users write it.

use chrono::DateTime;
use clap::Args;
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleasePrefix;

use super::ConfigError;
use crate::layout::quarantine_filter::QuarantineFilter;

/// The flags that choose quarantined records. Objects of quarantine are taken as a whole, so the times choose chunks.
#[derive(Clone, Debug, Default, Args)]
pub struct QuarantineFilterArgs {
    /// Take only records that are quarantined for this reason, such as `missing_field`. Can be given several times.
    #[arg(long, value_name = "CODE")]
    pub reason: Vec<ReasonCode>,

    /// Take only records that this release has quarantined: its id, or at least the first 8 digits of it.
    #[arg(id = "quarantined_by", long = "quarantined-by")]
    #[arg(value_name = "RELEASE")]
    pub quarantined_by: Option<ReleasePrefix>,

    /// Take only records of the chunks of this shard, as `sluice quarantine list` names it. Records that a redrive has
    /// quarantined again are of the shard `redrive-ID`. Can be given several times.
    #[arg(long, value_name = "SHARD", value_parser = ShardId::new)]
    pub shard: Vec<ShardId>,

    /// Take only chunks with a record that arrived at this time or later, such as 2026-01-31T12:00:00Z. A chunk is taken
    /// with all of its quarantined records. Records of files have no time of arrival, and are left out.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<u64>,

    /// Take only chunks with a record that arrived before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub to: Option<u64>,
}

impl QuarantineFilterArgs {
    /// The name of the first flag that is given.
    #[must_use]
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("reason", !self.reason.is_empty()),
            ("quarantined_by", self.quarantined_by.is_some()),
            ("shard", !self.shard.is_empty()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        given
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// The filter, in its canonical form.
    ///
    /// # Errors
    /// A part of time that has no moment.
    pub fn filter(&self) -> Result<QuarantineFilter, ConfigError> {
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            let why = "is not after --from, so there is nothing between them";
            return Err(ConfigError::new("to", why));
        }
        let filter = QuarantineFilter {
            reasons: self.reason.clone(),
            quarantined_by: self.quarantined_by.clone(),
            shards: self.shard.clone(),
            from: self.from,
            to: self.to,
        };
        Ok(filter.canonical())
    }
}

/// Parses a time, in milliseconds since the Unix epoch.
///
/// # Errors
/// Says what is expected.
pub(crate) fn parse_time(text: &str) -> Result<u64, String> {
    let time = DateTime::parse_from_rfc3339(text).ok();
    let time = time.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    time.ok_or_else(|| "expected a time such as 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        filter: QuarantineFilterArgs,
    }

    fn parse(flags: &str) -> Result<QuarantineFilterArgs, String> {
        let command = Command::try_parse_from(format!("command {flags}").split_whitespace());
        let command = command.map_err(|error| error.to_string())?;
        Ok(command.filter)
    }

    #[test]
    fn flags_make_a_canonical_filter() {
        let args = parse(
            "--reason trap --reason invalid_json --reason trap --quarantined-by 01234567 --shard b --shard a \
             --from 1970-01-01T00:00:01Z --to 1970-01-01T01:00:02+01:00",
        );
        let filter = args.unwrap().filter().unwrap();
        let text = serde_json::to_string(&filter).unwrap();
        assert_eq!(
            text,
            r#"{"reasons":["invalid_json","trap"],"quarantined_by":"01234567","shards":["a","b"],"from":1000,"to":2000}"#
        );
        let all = parse("").unwrap().filter().unwrap();
        assert_eq!(all, QuarantineFilter::default());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for flags in [
            "--reason No-Code",
            "--quarantined-by 0123",
            "--shard ../x",
            "--from yesterday",
            "--from 1969-12-31T23:59:59Z",
            "--to 17",
        ] {
            assert!(parse(flags).is_err(), "{flags}");
        }
        let args = parse("--from 2026-01-01T00:00:00Z --to 2026-01-01T00:00:00Z").unwrap();
        assert_eq!(args.filter().unwrap_err().key, "to");
    }
}
