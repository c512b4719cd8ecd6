//! A strict parser of the text format of "`OpenMetrics` 1.0". A violation of the format fails the
//! test.

use std::collections::{BTreeMap, BTreeSet};

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// One metric family.
#[derive(Debug)]
struct Family {
    name: String,
    kind: String,
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    /// The suffix of the family's name: `_total`, `_bucket`, or nothing.
    suffix: String,
    labels: Labels,
    value: f64,
}

/// A parsed exposition.
#[derive(Debug)]
pub(crate) struct Exposition {
    families: Vec<Family>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("no # EOF at the end")?;
        if !body.is_empty() && !body.ends_with('\n') {
            return Err("no end of the last line".into());
        }
        let mut families: Vec<Family> = Vec::new();
        for line in body.split_terminator('\n') {
            let parsed = match line.strip_prefix("# ") {
                Some(described) => describe(&mut families, described),
                None => take_sample(&mut families, line),
            };
            parsed.map_err(|why| format!("{why}: {line:?}"))?;
        }
        let mut names = BTreeSet::new();
        for family in &families {
            let checked = family.check();
            checked.map_err(|why| format!("{}: {why}", family.name))?;
            if !names.insert(&family.name) {
                return Err(format!("{} is there twice", family.name));
            }
        }
        Ok(Self { families })
    }

    /// The names that the samples of each family have, or would have if there were any.
    pub(crate) fn families(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let names = |family: &Family| {
            let suffixes = family.suffixes().unwrap_or_default().iter();
            suffixes
                .map(|suffix| format!("{}{suffix}", family.name))
                .collect()
        };
        let families = self.families.iter();
        families
            .map(|family| (family.name.as_str(), names(family)))
            .collect()
    }

    /// The names of all labels.
    pub(crate) fn labels(&self) -> BTreeSet<String> {
        let samples = self.families.iter().flat_map(|family| &family.samples);
        samples
            .flat_map(|sample| sample.labels.keys().cloned())
            .collect()
    }

    /// Every sample of this name, by its labels.
    pub(crate) fn all(&self, name: &str) -> Vec<(Labels, f64)> {
        let mut found = Vec::new();
        for family in &self.families {
            let suffix = name.strip_prefix(&family.name).unwrap_or("?");
            let samples = family.samples.iter().filter(|s| s.suffix == suffix);
            found.extend(samples.map(|s| (s.labels.clone(), s.value)));
        }
        found
    }

    /// The sample of this name with these labels, if there is one.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |found: &Labels| {
            let mut labels = labels.iter();
            labels.all(|(name, value)| found.get(*name).is_some_and(|v| v == value))
        };
        let found: Vec<_> = self.all(name).into_iter().filter(|(l, _)| has(l)).collect();
        assert!(found.len() < 2, "{name} {labels:?}: {found:?}");
        found.first().map(|(_, value)| *value)
    }

    /// A numeric value.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let value = self.find(name, labels);
        let value = value.unwrap_or_else(|| panic!("no {name} {labels:?} in {self:#?}"));
        value.to_string().parse().expect("a count")
    }
}

/// A line `# HELP name text`, `# TYPE name type` or `# UNIT name unit`.
fn describe(families: &mut Vec<Family>, line: &str) -> Result<(), String> {
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().filter(|part| !part.is_empty());
    let (Some(what), Some(name), Some(value)) = (part(), part(), part()) else {
        return Err("not three parts".into());
    };
    if !is_name(name, true) {
        return Err("no metric's name".into());
    }
    let known = families.last_mut().filter(|family| family.name == name);
    match (what, known) {
        ("HELP", None) => families.push(Family {
            name: name.to_owned(),
            kind: String::new(),
            samples: Vec::new(),
        }),
        ("TYPE", Some(family)) if family.kind.is_empty() => {
            family.kind = value.to_owned();
        }
        ("UNIT", Some(family)) if family.samples.is_empty() => {
            if !name.ends_with(&format!("_{value}")) {
                return Err("a unit that the name does not end with".into());
            }
        }
        _ => return Err("out of place".into()),
    }
    Ok(())
}

fn take_sample(families: &mut [Family], line: &str) -> Result<(), String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => take_labels(rest)?,
        None => (Labels::new(), rest),
    };
    let value = value.strip_prefix(' ').ok_or("no space before the value")?;
    if value.is_empty() || value.contains(' ') {
        return Err("not one value".into());
    }
    let family = families.last_mut().ok_or("a sample before any family")?;
    let suffix = name.strip_prefix(&family.name);
    family.samples.push(Sample {
        suffix: suffix.ok_or("a sample of another family")?.to_owned(),
        labels,
        value: value.parse().map_err(|_| "no number")?,
    });
    Ok(())
}

/// The labels after an opening brace, and the text after the closing one.
fn take_labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        let (name, behind) = rest.split_once("=\"").ok_or("no label")?;
        if !is_name(name, false) {
            return Err(format!("no label's name: {name:?}"));
        }
        let (value, behind) = take_value(behind)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("{name} twice"));
        }
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok((labels, behind.strip_prefix('}').ok_or("no }")?)),
        }
    }
}

/// An escaped value, and the text after its quotation mark.
fn take_value(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err("an unknown escape".into()),
            },
            c => value.push(c),
        }
    }
    Err("no end of a value".into())
}

fn is_name(name: &str, with_colons: bool) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || with_colons && c == ':';
    name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(allowed)
}

impl Family {
    /// The suffixes of the names of samples.
    fn suffixes(&self) -> Result<&'static [&'static str], String> {
        match self.kind.as_str() {
            "counter" => Ok(&["_total"]),
            "gauge" => Ok(&[""]),
            "info" => Ok(&["_info"]),
            "histogram" => Ok(&["_bucket", "_count", "_sum"]),
            other => Err(format!("the type {other:?}")),
        }
    }

    fn check(&self) -> Result<(), String> {
        let suffixes = self.suffixes()?;
        let mut seen = BTreeSet::new();
        for sample in &self.samples {
            let Sample {
                suffix,
                labels,
                value,
            } = sample;
            if !suffixes.contains(&suffix.as_str()) {
                return Err(format!("{suffix:?} at a {}", self.kind));
            }
            if !seen.insert((suffix, labels)) {
                return Err(format!("{labels:?} twice"));
            }
            let sound = match self.kind.as_str() {
                "info" => *value == 1.0,
                "gauge" => value.is_finite(),
                _ => value.is_finite() && *value >= 0.0,
            };
            if !sound {
                return Err(format!("the value {value}"));
            }
        }
        if self.kind == "histogram" {
            self.check_buckets()?;
        }
        Ok(())
    }

    /// Checks a histogram without further labels: the bounds rise, no count is below the one
    /// before, and `+Inf` has all.
    fn check_buckets(&self) -> Result<(), String> {
        let (mut bound, mut below) = (f64::NEG_INFINITY, 0.0);
        for bucket in self.samples.iter().filter(|s| s.suffix == "_bucket") {
            let le = bucket.labels.get("le").ok_or("a bucket without le")?;
            let le: f64 = le.parse().map_err(|_| "le is no number")?;
            if le <= bound || bucket.value < below {
                return Err(format!("the bucket {le} is out of order"));
            }
            (bound, below) = (le, bucket.value);
        }
        let count = self.samples.iter().find(|s| s.suffix == "_count");
        let count = count.ok_or("no count")?.value;
        if bound != f64::INFINITY || below != count {
            return Err(format!("{below} up to {bound} of {count}"));
        }
        Ok(())
    }
}

#[test]
fn valid_expositions_are_parsed() {
    let text = "# HELP a_seconds A.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
                a_seconds_sum 2.5\na_seconds_count 2\n\
                a_seconds_bucket{le=\"1.0\"} 1\na_seconds_bucket{le=\"+Inf\"} 2\n\
                # HELP b B.\n# TYPE b counter\nb_total{x=\"a\\\\b\\\"c\\nd\",y=\"\"} 7\n# EOF\n";
    let read = Exposition::parse(text).unwrap();
    assert_eq!(read.count("b_total", &[("x", "a\\b\"c\nd")]), 7);
    assert_eq!(read.count("a_seconds_bucket", &[("le", "1.0")]), 1);
    assert_eq!(read.find("c_total", &[]), None);
}

#[test]
fn invalid_expositions_are_rejected() {
    let counter = "# HELP a A.\n# TYPE a counter\n";
    let histogram = "# HELP a A.\n# TYPE a histogram\n";
    for body in [
        format!("{counter}a_total 1"),
        format!("{counter}a 1\n"),
        format!("{counter}b_total 1\n"),
        format!("{counter}a_total -1\n"),
        format!("{counter}a_total  1\n"),
        format!("{counter}a_total one\n"),
        format!("{counter}a_total 1\n\n"),
        format!("{counter}a_total 1\na_total 2\n"),
        format!("{counter}a_total{{x=\"1\",x=\"2\"}} 1\n"),
        format!("{counter}a_total{{x=\"1\"y=\"2\"}} 1\n"),
        format!("{counter}a_total{{2x=\"1\"}} 1\n"),
        format!("{counter}a_total{{x=\"\\x\"}} 1\n"),
        format!("{counter}a_total 1\n{counter}"),
        format!("{counter}# UNIT a seconds\n"),
        format!("{histogram}a_bucket{{le=\"+Inf\"}} 1\na_count 2\na_sum 1\n"),
        format!("{histogram}a_bucket{{le=\"1.0\"}} 1\na_count 1\na_sum 1\n"),
        format!("{histogram}a_bucket{{le=\"1.0\"}} 2\na_bucket{{le=\"+Inf\"}} 1\na_count 1\n"),
        "a_total 1\n".to_owned(),
        "# TYPE a counter\n".to_owned(),
        "# HELP a A.\na 1\n".to_owned(),
    ] {
        let text = format!("{body}# EOF\n");
        assert!(Exposition::parse(&text).is_err(), "{text}");
    }
    assert!(Exposition::parse(counter).is_err(), "no end");
}
