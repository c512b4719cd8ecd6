//! Which quarantined records the page shows: the filter of its query.

use maud::{Markup, html};
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::ReleasePrefix;

use crate::config::quarantine_filter::parse_time;
use crate::config::shell_word;
use crate::console::components::field;
use crate::console::page::{PageError, encoded};
use crate::console::payload::inert;
use crate::quarantine::QuarantineFilter;
use crate::tools::quarantine::record::time;

/// The fields of the form: the name, the label, and the flag of the commands.
const FIELDS: [(&str, &str, &str); 5] = [
    ("reason", "Reason, such as missing_field", "reason"),
    ("shard", "Shard", "shard"),
    (
        "release",
        "Release: at least 8 digits of its id",
        "quarantined-by",
    ),
    (
        "from",
        "Arrived since, such as 2026-01-31T12:00:00Z",
        "from",
    ),
    ("to", "Arrived before", "to"),
];

/// Parses the fields of a query or of a form. Records of files have no time of arrival, so `from` and `to` do not take
/// them.
///
/// # Errors
/// [`PageError::Wrong`]: the first field that is wrong.
pub(in crate::console::pages) fn parse<'a>(
    get: impl Fn(&str) -> Option<&'a str>,
) -> Result<QuarantineFilter, PageError> {
    let reason = value(&get, "reason", str::parse::<ReasonCode>)?;
    let shard = value(&get, "shard", ShardId::new)?;
    let filter = QuarantineFilter {
        reasons: reason.into_iter().collect(),
        quarantined_by: value(&get, "release", str::parse::<ReleasePrefix>)?,
        shards: shard.into_iter().collect(),
        from: value(&get, "from", parse_time)?,
        to: value(&get, "to", parse_time)?,
    };
    if filter
        .from
        .zip(filter.to)
        .is_some_and(|(from, to)| from >= to)
    {
        return Err(PageError::Wrong(
            "The filter `to` is not after `from`, so there is nothing between them. Correct one of them.".into(),
        ));
    }
    Ok(filter)
}

/// The value of a field; `None` if it is empty.
fn value<'a, T>(
    get: &impl Fn(&str) -> Option<&'a str>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, PageError> {
    let text = get(name).map(str::trim).filter(|text| !text.is_empty());
    text.map(parse).transpose().map_err(|why| {
        PageError::Wrong(format!(
            "The filter `{name}` is wrong: {}. Correct it, or leave it empty.",
            inert(&why)
        ))
    })
}

/// The value of each field of a filter, in the order of [`FIELDS`]; empty if it has none.
fn values(filter: &QuarantineFilter) -> [String; 5] {
    let reason = filter.reasons.first().map(ToString::to_string);
    let shard = filter.shards.first().map(ToString::to_string);
    let release = filter.quarantined_by.as_ref().map(ToString::to_string);
    let times = [filter.from, filter.to].map(|at| at.map(time));
    let [from, to] = times;
    [reason, shard, release, from, to].map(Option::unwrap_or_default)
}

/// What a filter gives: the names and the values of its fields.
fn pairs(filter: &QuarantineFilter) -> impl Iterator<Item = (&'static str, String)> {
    let pairs = FIELDS.iter().zip(values(filter));
    let pairs = pairs.map(|((name, ..), value)| (*name, value));
    pairs.filter(|(_, value)| !value.is_empty())
}

fn query(pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(&value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The address of the page with a filter.
pub(super) fn link(filter: &QuarantineFilter) -> String {
    match &*query(pairs(filter)) {
        "" => "/quarantine".into(),
        query => format!("/quarantine?{query}"),
    }
}

/// The address of the page Try with the records that a filter takes. Its field `release` names rules.
pub(super) fn try_link(filter: &QuarantineFilter) -> String {
    let pairs = pairs(filter).map(|(name, value)| match name {
        "release" => ("quarantined_by", value),
        name => (name, value),
    });
    match &*query(pairs) {
        "" => "/try?source=quarantine".into(),
        query => format!("/try?{query}"),
    }
}

/// The flags of a filter, each with a space before it.
pub(super) fn flags(filter: &QuarantineFilter) -> String {
    let values = FIELDS.iter().zip(values(filter));
    let given = values.filter(|(_, value)| !value.is_empty());
    let flags = given.map(|((.., flag), value)| format!(" --{flag} {}", shell_word(&value)));
    flags.collect()
}

/// The form of the filter.
pub(super) fn form(filter: &QuarantineFilter) -> Markup {
    html! {
        h2 { "Filter" }
        form.filter method="get" action="/quarantine" {
            @for ((name, label, _), value) in FIELDS.iter().zip(values(filter)) {
                (field(name, label, &value, false))
            }
            p.actions {
                button type="submit" { "Apply the filter" }
                @if *filter != QuarantineFilter::default() { " " a href="/quarantine" { "Show all" } }
            }
        }
    }
}

/// A filter in words.
pub(super) fn words(filter: &QuarantineFilter) -> String {
    let names = [
        "of the reason",
        "of the shard",
        "of the release",
        "from",
        "to",
    ];
    let values = names.iter().zip(values(filter));
    let given = values.filter(|(_, value)| !value.is_empty());
    let words: Vec<_> = given
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    match words.is_empty() {
        true => "of the whole quarantine".into(),
        false => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::page::PageRequest;

    fn parsed(query: &str) -> Result<QuarantineFilter, String> {
        let request = PageRequest::parse(query);
        parse(|name| request.get(name)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_filter_is_a_query_and_flags() {
        let query = "/quarantine?reason=trap&shard=s-1&release=01234567&from=2026-01-31T12:00:00%2B01:00&to=2026-02-01T00:00:00Z";
        let filter = parsed(query).unwrap();
        assert_eq!(parsed(&link(&filter)).unwrap(), filter);
        assert_eq!(
            flags(&filter),
            " --reason trap --shard s-1 --quarantined-by 01234567 --from 2026-01-31T11:00:00Z --to 2026-02-01T00:00:00Z"
        );
        assert_eq!(
            try_link(&filter),
            "/try?reason=trap&shard=s-1&quarantined_by=01234567&from=2026-01-31T11%3A00%3A00Z&to=2026-02-01T00%3A00%3A00Z"
        );
        let all = parsed("/quarantine?reason=&page=2").unwrap();
        assert_eq!(try_link(&all), "/try?source=quarantine");
        assert_eq!(all, QuarantineFilter::default());
        assert_eq!(
            (link(&all).as_str(), flags(&all).as_str()),
            ("/quarantine", "")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, name) in [
            ("reason=No-Code", "`reason`"),
            ("shard=../x", "`shard`"),
            ("release=12", "`release`"),
            ("from=yesterday", "`from`"),
            ("from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:00Z", "`to`"),
        ] {
            let error = parsed(&format!("/quarantine?{query}")).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        let error = parsed("/quarantine?reason=%E2%80%AEx").unwrap_err();
        assert!(!error.contains('\u{202e}'), "{error}");
    }

    #[test]
    fn the_form_has_what_is_filtered() {
        let filter = parsed("/quarantine?reason=trap").unwrap();
        let html = form(&filter).into_string();
        assert!(
            html.contains(r#"value="trap""#) && html.contains("Show all"),
            "{html}"
        );
        assert_eq!(words(&filter), "of the reason trap");
    }
}
