//! The part of a replay that one process works on: `--part K/N`, or that of a child of an array job of AWS Batch.

use std::fmt;
use std::str::FromStr;

use super::ConfigError;

/// The most parts of a replay: the most children of an array job of AWS Batch.
pub const PARTS_MAX: u32 = 10_000;

/// Where a child of an array job of AWS Batch finds its index, from 0, and the number of children.
const BATCH_INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
const BATCH_SIZE: &str = "AWS_BATCH_JOB_ARRAY_SIZE";

/// What `--part` takes in place of `K/N`.
const AWS_BATCH: &str = "aws-batch";

/// One of the parts of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    number: u32,
    of: u32,
}

/// The value of `--part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartArg {
    /// This part.
    Given(Part),
    /// The part of this child of an array job of AWS Batch.
    AwsBatch,
}

impl Part {
    /// The part with a number from 1.
    ///
    /// # Errors
    /// There is no such part, or there are too many.
    pub fn new(number: u32, of: u32) -> Result<Self, String> {
        match (1..=of).contains(&number) && of <= PARTS_MAX {
            true => Ok(Self { number, of }),
            false => Err(format!(
                "{number}/{of} is no part; give K/N with K from 1 to N, and N up to {PARTS_MAX}"
            )),
        }
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// Its index, from 0.
    #[must_use]
    pub fn index(self) -> u32 {
        self.number - 1
    }

    /// The number of parts of the replay.
    #[must_use]
    pub fn of(self) -> u32 {
        self.of
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for PartArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == AWS_BATCH {
            return Ok(Self::AwsBatch);
        }
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(k, n)| Some((digits(k)?, digits(n)?)));
        match numbers {
            Some((number, of)) => Part::new(number, of).map(Self::Given),
            None => Err(format!(
                "expected K/N, such as 3/8 for the third of eight parts, or {AWS_BATCH}"
            )),
        }
    }
}

impl PartArg {
    /// The part. `get` returns a variable of the environment.
    ///
    /// # Errors
    /// This process is no child of an array job of AWS Batch.
    pub fn resolve(self, get: impl Fn(&str) -> Option<String>) -> Result<Part, ConfigError> {
        let number = |name: &str| -> Result<u32, ConfigError> {
            let wrong = |what: String| {
                let why = format!(
                    "{AWS_BATCH} needs {BATCH_INDEX} and {BATCH_SIZE}, which AWS Batch gives to each child of an array \
                     job, but {name} {what}; submit an array job, or give --part K/N"
                );
                ConfigError::new("part", why)
            };
            let value = get(name).ok_or_else(|| wrong("is not set".into()))?;
            digits(&value).ok_or_else(|| wrong(format!("is {value:?}, which is no number")))
        };
        match self {
            Self::Given(part) => Ok(part),
            Self::AwsBatch => {
                let (index, size) = (number(BATCH_INDEX)?, number(BATCH_SIZE)?);
                let part = Part::new(index.saturating_add(1), size);
                part.map_err(|why| {
                    let why = format!("{BATCH_INDEX} is {index} and {BATCH_SIZE} is {size}: {why}");
                    ConfigError::new("part", why)
                })
            }
        }
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_number_up_to_the_number_of_parts() {
        for text in ["1/1", "3/8", "8/8", "10000/10000"] {
            let Ok(PartArg::Given(part)) = text.parse() else {
                panic!("{text}");
            };
            assert_eq!(part.to_string(), text);
            assert_eq!(part.index() + 1, part.number());
        }
        for text in [
            "", "3", "/", "0/8", "9/8", "-1/8", "+1/8", "1/0", "1/10001", "1/8/2", "a/b", "batch",
        ] {
            assert!(text.parse::<PartArg>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_child_of_an_array_job_has_its_part_in_the_environment() {
        let resolve = |index: Option<&str>, size: Option<&str>| {
            let get = |name: &str| {
                let value = match name {
                    BATCH_INDEX => index,
                    BATCH_SIZE => size,
                    _ => None,
                };
                value.map(ToOwned::to_owned)
            };
            let arg: PartArg = AWS_BATCH.parse().unwrap();
            arg.resolve(get).map_err(|error| error.to_string())
        };
        assert_eq!(resolve(Some("0"), Some("8")), Ok(Part { number: 1, of: 8 }));
        assert_eq!(resolve(Some("7"), Some("8")), Ok(Part { number: 8, of: 8 }));
        for (index, size, part) in [
            (None, Some("8"), "AWS_BATCH_JOB_ARRAY_INDEX is not set"),
            (Some("0"), None, "AWS_BATCH_JOB_ARRAY_SIZE is not set"),
            (Some("x"), Some("8"), "is \"x\", which is no number"),
            (Some("8"), Some("8"), "AWS_BATCH_JOB_ARRAY_INDEX is 8"),
        ] {
            let error = resolve(index, size).unwrap_err();
            assert!(
                error.starts_with("part: ") && error.contains(part),
                "{error}"
            );
        }
    }
}
