//! The difference of two texts, line by line.

use std::ops::Range;

use maud::{Markup, html};

use crate::console::payload::inert;

/// The most pairs of lines that are compared. Longer texts are shown as removed and added as a whole, after what both
/// begin and end with.
const PAIRS_MAX: usize = 1 << 20;

/// How many equal lines are shown before and after a difference.
const CONTEXT: usize = 3;

/// A line of two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

/// The difference of an `old` and a `new` text, which are a release's `what`. Equal lines far from any difference are left out.
pub(super) fn difference(what: &str, old: &[String], new: &[String]) -> Markup {
    let lines = lines(old, new);
    html! {
        pre.difference tabindex="0" role="region" aria-label={ "The difference of the " (what) ", line by line" } {
            @for range in shown(&lines) {
                @match range {
                    Ok(range) => { @for line in &lines[range] { (marked(*line)) } }
                    Err(left_out) => { span.more { "… " (left_out) " equal lines\n" } }
                }
            }
        }
    }
}

fn marked(line: Line<'_>) -> Markup {
    match line {
        Line::Same(text) => html! { "  " (inert(text)) "\n" },
        Line::Removed(text) => html! { del { "- " (inert(text)) } "\n" },
        Line::Added(text) => html! { ins { "+ " (inert(text)) } "\n" },
    }
}

/// All lines of both texts: a longest common subsequence, and what only one of them has.
fn lines<'a>(old: &'a [String], new: &'a [String]) -> Vec<Line<'a>> {
    let same = |pair: &(&String, &String)| pair.0 == pair.1;
    let begin = old.iter().zip(new).take_while(same).count();
    let rest = old[begin..].iter().rev().zip(new[begin..].iter().rev());
    let end = rest.take_while(same).count();
    let middle = (&old[begin..old.len() - end], &new[begin..new.len() - end]);
    let same = |line: &'a String| Line::Same(line);
    let mut all: Vec<_> = old[..begin].iter().map(same).collect();
    all.extend(changed(middle.0, middle.1));
    all.extend(old[old.len() - end..].iter().map(same));
    all
}

/// The lines of two texts that begin and end with other lines.
fn changed<'a>(old: &'a [String], new: &'a [String]) -> Vec<Line<'a>> {
    let mut all = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    if old.len().saturating_mul(new.len()) <= PAIRS_MAX {
        let common = common(old, new);
        while at_old < old.len() && at_new < new.len() {
            let (text, other) = (&old[at_old], &new[at_new]);
            if text == other {
                all.push(Line::Same(text));
                (at_old, at_new) = (at_old + 1, at_new + 1);
            } else if common[at_old + 1][at_new] >= common[at_old][at_new + 1] {
                all.push(Line::Removed(text));
                at_old += 1;
            } else {
                all.push(Line::Added(other));
                at_new += 1;
            }
        }
    }
    all.extend(old[at_old..].iter().map(|line| Line::Removed(line)));
    all.extend(new[at_new..].iter().map(|line| Line::Added(line)));
    all
}

/// The length of the longest common subsequence of the ends of both texts, by where these begin.
fn common(old: &[String], new: &[String]) -> Vec<Vec<u32>> {
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for at_old in (0..old.len()).rev() {
        for at_new in (0..new.len()).rev() {
            common[at_old][at_new] = match old[at_old] == new[at_new] {
                true => common[at_old + 1][at_new + 1] + 1,
                false => common[at_old + 1][at_new].max(common[at_old][at_new + 1]),
            };
        }
    }
    common
}

/// The ranges of lines that are shown, and how many lines are left out between them.
fn shown(lines: &[Line<'_>]) -> Vec<Result<Range<usize>, usize>> {
    let is_near = |at: usize| {
        let near = at.saturating_sub(CONTEXT)..lines.len().min(at + CONTEXT + 1);
        lines[near]
            .iter()
            .any(|line| !matches!(line, Line::Same(_)))
    };
    let mut all = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let is_shown = is_near(at);
        let end = (at..lines.len()).find(|at| is_near(*at) != is_shown);
        let end = end.unwrap_or(lines.len());
        all.push(match is_shown {
            true => Ok(at..end),
            false => Err(end - at),
        });
        at = end;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &str) -> Vec<String> {
        lines.split_whitespace().map(str::to_owned).collect()
    }

    fn found(old: &str, new: &str) -> String {
        let (old, new) = (text(old), text(new));
        let lines = lines(&old, &new);
        let lines = lines.iter().map(|line| match line {
            Line::Same(text) => (*text).to_owned(),
            Line::Removed(text) => format!("-{text}"),
            Line::Added(text) => format!("+{text}"),
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_line_is_in_both_texts_or_in_one() {
        let cases = [
            ("", "", ""),
            ("a b", "a b", "a b"),
            ("a b c", "a x c", "a -b +x c"),
            ("a b", "a b c", "a b +c"),
            ("a b c", "c", "-a -b c"),
            ("a b c d", "x b y d", "-a +x b -c +y d"),
            ("a a", "a", "a -a"),
        ];
        for (old, new, expected) in cases {
            assert_eq!(found(old, new), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn long_texts_are_compared_by_their_beginning_and_end() {
        let many = |name: &str| {
            (0..1_100)
                .map(|n| format!("{name}{n} "))
                .collect::<String>()
        };
        let (old, new) = (format!("a {} z", many("o")), format!("a {} z", many("n")));
        let found = found(&old, &new);
        assert!(found.starts_with("a -o0 ") && found.ends_with("+n1099 z"));
    }

    #[test]
    fn equal_lines_far_from_a_difference_are_left_out() {
        let (old, new) = (text("1 2 3 4 5 6 <b>"), text("1 2 3 4 5 6 <i>"));
        let html = difference("program", &old, &new).into_string();
        assert!(
            html.contains("… 3 equal lines\n</span>  4\n  5\n  6\n"),
            "{html}"
        );
        assert!(
            html.contains("<del>- &lt;b&gt;</del>\n<ins>+ &lt;i&gt;</ins>"),
            "{html}"
        );
        let html = difference("program", &old, &old).into_string();
        assert!(html.contains("… 7 equal lines"), "{html}");
    }
}
