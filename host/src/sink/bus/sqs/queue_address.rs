//! The name of a queue, its URL, or its ARN.

use sluice_storage::aws::arn::Arn;

/// The domains of AWS's endpoints.
const DOMAINS: [&str; 4] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

/// The region of the oldest endpoint, `queue.amazonaws.com`, which does not name it.
const FIRST_REGION: &str = "us-east-1";

/// What names a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QueueAddress {
    /// A queue of the default account and region.
    Name(String),
    /// A URL, with the region in it if it is one of AWS.
    Url(String, Option<String>),
    /// A queue of any account and region; its resource is the name.
    Arn(Arn),
}

impl QueueAddress {
    /// Parses a name, a URL, or `arn:PARTITION:sqs:REGION:ACCOUNT:NAME`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            check_url(text)?;
            return Ok(Self::Url(text.to_owned(), region_in(text)));
        }
        if !Arn::is_meant(text) {
            check_name(text)?;
            return Ok(Self::Name(text.to_owned()));
        }
        let wrong = |why: String| {
            let form = "arn:aws:sqs:REGION:ACCOUNT:NAME";
            format!("{text:?} is not the ARN of a queue, {form}: {why}")
        };
        let arn = Arn::parse(text, "sqs").map_err(wrong)?;
        let name = &arn.resource;
        if name.is_empty() || name.contains([':', '/']) {
            return Err(wrong(format!("its resource {name:?} is not a name")));
        }
        Ok(Self::Arn(arn))
    }

    /// The queue's region, if its URL or ARN has one.
    pub(super) fn region(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url(_, region) => region.as_deref(),
            Self::Arn(arn) => Some(&arn.region),
        }
    }
}

/// Checks a name by the rule of SQS (`CreateQueue`).
fn check_name(text: &str) -> Result<(), String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    let is_name = |text: &str| {
        let name = text.strip_suffix(".fifo").unwrap_or(text);
        text.len() <= 80 && !name.is_empty() && name.bytes().all(is_allowed)
    };
    if is_name(text) {
        return Ok(());
    }
    let rule = "1 to 80 letters, digits, `_` and `-`, with `.fifo` at the end for a FIFO queue";
    let meant = text.trim_matches('/');
    let hint = if is_name(meant) {
        format!("; did you mean `sqs:{meant}`?")
    } else {
        String::new()
    };
    Err(format!("{text:?} is not the name of a queue: {rule}{hint}"))
}

/// Checks that a URL names a queue.
fn check_url(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if matches!(scheme, "http" | "https") && !host.is_empty() && !path.is_empty() {
        return Ok(());
    }
    let scheme = if scheme == "http" { "http" } else { "https" };
    Err(format!(
        "{url:?} is not the URL of a queue, {scheme}://HOST/ACCOUNT/QUEUE"
    ))
}

/// The region in a URL of AWS ("Amazon Simple Queue Service endpoints and quotas"): `sqs.REGION.…`,
/// `sqs-fips.REGION.…`, `REGION.queue.…`, or `queue.…`, also behind the name of a VPC endpoint.
fn region_in(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', ':']).next()?.to_ascii_lowercase();
    let host = DOMAINS
        .iter()
        .find_map(|domain| host.strip_suffix(domain))?;
    let labels: Vec<&str> = host.split('.').collect();
    let is_service = |label: &&str| matches!(*label, "sqs" | "sqs-fips");
    let region = match labels.iter().position(is_service) {
        Some(at) => labels.get(at + 1).copied(),
        None => match labels[..] {
            ["queue"] => Some(FIRST_REGION),
            [region, "queue"] => Some(region),
            _ => None,
        },
    };
    region.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_queue_is_in_its_url_or_arn() {
        for (queue, region) in [
            ("messages", None),
            (
                "https://sqs.eu-west-1.amazonaws.com/123456789012/q",
                Some("eu-west-1"),
            ),
            (
                "https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/q",
                Some("us-gov-west-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q",
                Some("cn-north-1"),
            ),
            (
                "https://sqs.eu-west-1.api.aws/123456789012/q",
                Some("eu-west-1"),
            ),
            (
                "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com/123456789012/q",
                Some("eu-west-1"),
            ),
            (
                "https://eu-west-1.queue.amazonaws.com/123456789012/q",
                Some("eu-west-1"),
            ),
            (
                "https://queue.amazonaws.com/123456789012/q",
                Some("us-east-1"),
            ),
            ("http://127.0.0.1:9324/000000000000/q", None),
            ("http://sqs.local/000000000000/q", None),
            (
                "arn:aws:sqs:eu-west-1:123456789012:q.fifo",
                Some("eu-west-1"),
            ),
            (
                "arn:aws-cn:sqs:cn-north-1:123456789012:q",
                Some("cn-north-1"),
            ),
        ] {
            let address = QueueAddress::parse(queue).unwrap();
            assert_eq!(address.region(), region, "{queue}");
        }
    }

    #[test]
    fn what_cannot_name_a_queue_is_rejected() {
        for (queue, part) in [
            ("bad name", "1 to 80 letters"),
            (".fifo", "1 to 80 letters"),
            ("a.b", "1 to 80 letters"),
            ("//q", "did you mean `sqs:q`?"),
            ("http://x", "http://HOST/ACCOUNT/QUEUE"),
            ("https:///q", "https://HOST/ACCOUNT/QUEUE"),
            ("ftp://x/q", "https://HOST/ACCOUNT/QUEUE"),
        ] {
            let error = QueueAddress::parse(queue).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        for queue in ["a_B-1.fifo", &"q".repeat(80)] {
            assert!(QueueAddress::parse(queue).is_ok(), "{queue}");
        }
    }

    #[test]
    fn another_arn_is_not_a_queue() {
        for arn in [
            "arn:aws:sns:eu-west-1:123456789012:q",
            "arn:aws:sqs:eu-west-1:123456789012:",
            "arn:aws:sqs:eu-west-1:123456789012:a:b",
        ] {
            let error = QueueAddress::parse(arn).unwrap_err();
            assert!(error.contains("arn:aws:sqs:REGION:ACCOUNT:NAME"), "{error}");
        }
    }
}
