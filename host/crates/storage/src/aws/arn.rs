//! ARNs of resources that belong to an account and a region ("Amazon Resource Names").

use std::fmt;

/// The partitions whose regions have a prefix of their own. A client for one cannot reach another.
const PARTITIONS: [(&str, &str); 2] = [("aws-cn", "cn-"), ("aws-us-gov", "us-gov-")];

/// The number of digits of an account.
const ACCOUNT_DIGITS: usize = 12;

/// An ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    /// The partition, such as `aws` or `aws-cn`.
    pub partition: String,
    /// The service, such as `kinesis`.
    pub service: String,
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The account, 12 digits.
    pub account: String,
    /// The resource, as its service names it.
    pub resource: String,
}

impl Arn {
    /// Whether a text is meant to be an ARN.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("arn:")
    }

    /// Parses the ARN of a resource of a service.
    ///
    /// # Errors
    /// Says which part is wrong.
    pub fn parse(text: &str, service: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, of, region, account, resource] = parts[..] else {
            let (parts, wanted) = (parts.len(), "arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE");
            return Err(format!("it has {parts} parts, an ARN has 6: {wanted}"));
        };
        check_partition(partition, region)?;
        if of != service {
            return Err(format!("its service is {of:?}, not {service:?}"));
        }
        if account.len() != ACCOUNT_DIGITS || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("its account {account:?} is not 12 digits"));
        }
        Ok(Self {
            partition: partition.to_owned(),
            service: of.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

fn check_partition(partition: &str, region: &str) -> Result<(), String> {
    if partition != "aws" && !partition.starts_with("aws-") {
        let known = "aws, aws-cn or aws-us-gov";
        return Err(format!("its partition is {partition:?}, not {known}"));
    }
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if region.split('-').count() < 3 || !region.split('-').all(is_part) {
        return Err(format!(
            "its region {region:?} is not one such as eu-central-1"
        ));
    }
    for (special, prefix) in PARTITIONS {
        if (partition == special) != region.starts_with(prefix) {
            return Err(format!(
                "its region {region:?} does not belong to its partition {partition:?}"
            ));
        }
    }
    Ok(())
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            service,
            region,
            account,
            resource,
        } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_all_partitions_are_parsed() {
        for text in [
            "arn:aws:kinesis:eu-central-1:123456789012:stream/events",
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/events",
            "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/events",
            "arn:aws-iso-b:kinesis:us-isob-east-1:123456789012:a:b",
        ] {
            let arn = Arn::parse(text, "kinesis").unwrap();
            assert_eq!(arn.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_arn_is_refused_with_the_part_that_is_wrong() {
        for (text, why) in [
            ("arn:aws:kinesis", "3 parts"),
            (
                "urn:aws:kinesis:eu-central-1:123456789012:r",
                "an ARN has 6",
            ),
            (
                "arn:amazon:kinesis:eu-central-1:123456789012:r",
                "partition",
            ),
            (
                "arn:aws:sqs:eu-central-1:123456789012:r",
                "service is \"sqs\"",
            ),
            ("arn:aws:kinesis::123456789012:r", "region \"\""),
            ("arn:aws:kinesis:europe:123456789012:r", "region \"europe\""),
            ("arn:aws:kinesis:eu-central-1:1234:r", "account \"1234\""),
            (
                "arn:aws:kinesis:cn-north-1:123456789012:r",
                "does not belong",
            ),
            (
                "arn:aws-cn:kinesis:eu-west-1:123456789012:r",
                "does not belong",
            ),
        ] {
            let error = Arn::parse(text, "kinesis").unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
