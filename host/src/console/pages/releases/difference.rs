//! The difference of two texts, line by line.

use std::time::{Duration, Instant};

use maud::{Markup, html};
use similar::{Algorithm, ChangeTag, capture_diff_slices_deadline, group_diff_ops};

use crate::console::payload::inert;
use crate::output::counted;

/// How many equal lines are shown before and after a difference.
const CONTEXT: usize = 3;

/// How long the smallest difference is looked for.
const TIME: Duration = Duration::from_millis(200);

/// The difference of an `old` and a `new` text, which are a release's `what`. Equal lines far from any difference are left out.
pub(super) fn difference(what: &str, old: &[String], new: &[String]) -> Markup {
    let deadline = Instant::now().checked_add(TIME);
    let changes = capture_diff_slices_deadline(Algorithm::default(), old, new, deadline);
    let mut shown = Vec::new();
    let mut at = 0;
    for near in group_diff_ops(changes, CONTEXT) {
        let begin = near.first().map_or(at, |first| first.old_range().start);
        shown.push(left_out(begin - at));
        for (tag, lines) in near.iter().flat_map(|change| change.iter_slices(old, new)) {
            shown.extend(lines.iter().map(|line| marked(tag, line)));
        }
        at = near.last().map_or(begin, |last| last.old_range().end);
    }
    shown.push(left_out(old.len() - at));
    html! {
        pre.difference tabindex="0" role="region" aria-label={ "The difference of the " (what) ", line by line" } {
            @for part in &shown { (part) }
        }
    }
}

fn marked(tag: ChangeTag, line: &str) -> Markup {
    match tag {
        ChangeTag::Equal => html! { "  " (inert(line)) "\n" },
        ChangeTag::Delete => html! { del { "- " (inert(line)) } "\n" },
        ChangeTag::Insert => html! { ins { "+ " (inert(line)) } "\n" },
    }
}

fn left_out(lines: usize) -> Markup {
    html! { @if lines > 0 { span.more { "… " (counted(lines as u64, "equal line")) "\n" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &str) -> Vec<String> {
        lines.split_whitespace().map(str::to_owned).collect()
    }

    fn shown(old: &[String], new: &[String]) -> String {
        difference("program", old, new).into_string()
    }

    #[test]
    fn what_was_removed_and_added_is_marked() {
        let html = shown(&text("a b c d"), &text("x b y d"));
        let marked =
            "<del>- a</del>\n<ins>+ x</ins>\n  b\n<del>- c</del>\n<ins>+ y</ins>\n  d\n</pre>";
        assert!(html.ends_with(marked), "{html}");
        let html = shown(&text("a"), &text("a b"));
        assert!(html.ends_with("  a\n<ins>+ b</ins>\n</pre>"), "{html}");
        assert!(shown(&[], &[]).ends_with("\"></pre>"));
    }

    #[test]
    fn equal_lines_far_from_a_difference_are_left_out() {
        let (old, new) = (text("1 2 3 4 <b> 5 6 7 8 9"), text("1 2 3 4 <i> 5 6 7 8 9"));
        let html = shown(&old, &new);
        assert!(html.contains("… 1 equal line\n</span>  2\n"), "{html}");
        assert!(
            html.contains("<del>- &lt;b&gt;</del>\n<ins>+ &lt;i&gt;</ins>"),
            "{html}"
        );
        assert!(
            html.contains("  7\n<span class=\"more\">… 2 equal lines"),
            "{html}"
        );
        let html = shown(&old, &old);
        assert!(html.contains("… 10 equal lines"), "{html}");
    }

    #[test]
    fn each_line_of_long_texts_without_a_common_line_is_shown() {
        let many = |name: &str| -> Vec<_> { (0..5_000).map(|n| format!("{name}{n}")).collect() };
        let html = shown(&many("old"), &many("new"));
        assert_eq!(html.matches("<del>").count(), 5_000);
        assert_eq!(html.matches("<ins>").count(), 5_000);
    }
}
