//! The name of a stream, or its ARN.

use std::fmt;
use std::str::FromStr;

use sluice_storage::aws::arn::Arn;

/// What names a stream. A stream of another account or region has an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAddress {
    name: String,
    arn: Option<Arn>,
}

impl StreamAddress {
    /// The stream of this name in the default account and region.
    #[must_use]
    pub fn of_name(name: String) -> Self {
        Self { name, arn: None }
    }

    /// The stream's name, which ledgers and objects have, also if an ARN is given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ARN, if that is given.
    #[must_use]
    pub fn arn(&self) -> Option<&Arn> {
        self.arn.as_ref()
    }

    /// Its region, if that is given.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn.as_ref().map(|arn| arn.region.as_str())
    }
}

impl FromStr for StreamAddress {
    type Err = String;

    /// Parses a name, or `arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME`.
    fn from_str(text: &str) -> Result<Self, String> {
        if !Arn::is_meant(text) {
            check_name(text)?;
            return Ok(Self::of_name(text.to_owned()));
        }
        let wrong = |why: String| {
            let form = "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME";
            format!("{text:?} is not the ARN of a stream, {form}: {why}")
        };
        let arn = Arn::parse(text, "kinesis").map_err(wrong)?;
        let name = arn.resource.strip_prefix("stream/");
        let name = name.filter(|name| !name.is_empty() && !name.contains(['/', ':']));
        let Some(name) = name.map(str::to_owned) else {
            return Err(wrong(format!(
                "its resource {:?} is not stream/NAME",
                arn.resource
            )));
        };
        let arn = Some(arn);
        Ok(Self { name, arn })
    }
}

/// Checks a name by the rule of Kinesis (`CreateStream`).
fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let is_name = |name: &str| (1..=128).contains(&name.len()) && name.bytes().all(is_allowed);
    if is_name(name) {
        return Ok(());
    }
    let rule = "1 to 128 letters, digits, `_`, `.` and `-`";
    let meant = name.trim_matches('/');
    let hint = if is_name(meant) {
        format!("; did you mean `kinesis:{meant}`?")
    } else {
        String::new()
    };
    Err(format!(
        "{name:?} is not the name of a stream: {rule}{hint}"
    ))
}

impl fmt::Display for StreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.arn {
            Some(arn) => arn.fmt(f),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_name_in_its_arn() {
        let arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/events";
        let address: StreamAddress = arn.parse().unwrap();
        assert_eq!(address.name(), "events");
        assert_eq!(address.region(), Some("eu-central-1"));
        assert_eq!(address.to_string(), arn);
        let plain: StreamAddress = "events".parse().unwrap();
        assert_eq!((plain.name(), plain.region()), ("events", None));
        assert_eq!(plain.to_string(), "events");
    }

    #[test]
    fn a_name_has_the_characters_that_kinesis_allows() {
        for name in ["e", "events.v1_a-B", &"x".repeat(128)] {
            assert_eq!(name.parse::<StreamAddress>().unwrap().name(), name);
        }
        for name in ["my stream", "a/b", "é", &"x".repeat(129)] {
            let error = name.parse::<StreamAddress>().unwrap_err();
            assert!(error.contains("1 to 128 letters"), "{error}");
            assert!(!error.contains("did you mean"), "{error}");
        }
        let error = "//x".parse::<StreamAddress>().unwrap_err();
        assert!(error.ends_with("did you mean `kinesis:x`?"), "{error}");
    }

    #[test]
    fn another_resource_is_not_a_stream() {
        for resource in ["events", "stream/", "stream/events/consumer/c:1"] {
            let arn = format!("arn:aws:kinesis:eu-central-1:123456789012:{resource}");
            let error = arn.parse::<StreamAddress>().unwrap_err();
            assert!(error.contains("stream/NAME"), "{error}");
        }
    }
}
