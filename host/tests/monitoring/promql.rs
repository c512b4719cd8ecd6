//! The names in an expression of `PromQL`.

use std::collections::BTreeSet;

/// Operators and modifiers that are words.
const OPERATORS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];

/// Words before a list of labels.
const GROUPINGS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) metrics: BTreeSet<String>,
    pub(super) labels: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(expression: &str) -> Self {
        let tokens = tokens(expression);
        let mut names = Self::default();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1).copied();
            match *token {
                "[" => at = end(&tokens, at, "]"),
                "{" => at = names.add_labels(&tokens, at, "}"),
                word if GROUPINGS.contains(&word) && next == Some("(") => {
                    at = names.add_labels(&tokens, at + 1, ")");
                }
                // An aggregation, such as `sum by (job) (…)`, or a function.
                _ if matches!(next, Some("(" | "by" | "without")) => {}
                word if is_name(word) && !is_of_language(word) => {
                    names.metrics.insert(word.to_owned());
                }
                _ => {}
            }
            at += 1;
        }
        names
    }

    /// Adds the labels of a list that begins at this token, and returns the place of its end.
    fn add_labels(&mut self, tokens: &[&str], start: usize, closing: &str) -> usize {
        let end = end(tokens, start, closing);
        let names = tokens[start..end].iter().filter(|token| is_name(token));
        self.labels.extend(names.map(|name| (*name).to_owned()));
        end
    }
}

/// The place of the first closing token after this one.
fn end(tokens: &[&str], start: usize, closing: &str) -> usize {
    let behind = tokens[start..].iter().position(|token| *token == closing);
    start + behind.unwrap_or_else(|| panic!("no {closing} in {tokens:?}"))
}

/// Words, numbers and single signs. Texts are left out.
fn tokens(expression: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => 2 + rest[1..].find('"').expect("the end of a text"),
            c if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        if first != '"' && !first.is_whitespace() {
            tokens.push(token);
        }
        rest = behind;
    }
    tokens
}

/// Numbers, durations and variables of Grafana are words here, too.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:$.".contains(c)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Whether it is a word of the language, wherever it stands.
fn is_of_language(word: &str) -> bool {
    OPERATORS.contains(&word) || GROUPINGS.contains(&word)
}

#[test]
fn metrics_and_labels_are_told_from_all_other_words() {
    let expression = r#"sum by (job, le) (rate(a_bucket{kind="by(x)",job=~"$job"}[$__rate_interval])) > 1.5e3
        and on (shard) group_left () max(b_total offset 15m) unless c or (topk(10, d) == bool 2)"#;
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = Names {
        metrics: set(&["a_bucket", "b_total", "c", "d"]),
        labels: set(&["job", "kind", "le", "shard"]),
    };
    assert_eq!(Names::of(expression), expected);
}
