//! The table of goals, and the tables below it, in Markdown.

use std::fmt::Write as _;

use super::measure::{Cost, Ratio, median_of, peak};

/// All measurements.
#[derive(Debug, Default)]
pub(crate) struct Report {
    goals: Vec<[String; 4]>,
    tables: Vec<String>,
}

impl Report {
    /// A goal with its measurement.
    pub(crate) fn goal(&mut self, what: &str, today: String, goal: &str, is_met: bool) {
        let verdict = if is_met { "met" } else { "**not met**" };
        eprintln!("goals: {what}: {today}; goal {goal}, {verdict}");
        let row = [what.to_owned(), today, goal.to_owned(), verdict.to_owned()];
        self.goals.push(row);
    }

    /// A goal for a ratio that should be low.
    pub(crate) fn at_most(&mut self, what: &str, ratio: Ratio, most: f64) {
        let goal = format!("at most {most}x");
        self.goal(what, times(ratio), &goal, ratio.median <= most);
    }

    /// A goal for a ratio that should be high.
    pub(crate) fn at_least(&mut self, what: &str, ratio: Ratio, least: f64) {
        let goal = format!("at least {least}x");
        self.goal(what, times(ratio), &goal, ratio.median >= least);
    }

    /// A comparison that is missing because a program is not installed.
    pub(crate) fn not_compared(&mut self, program: &str, remedy: &str) {
        let today = format!("{program}: not found, not compared; {remedy}");
        self.figure(&format!("{program} next to the local job"), today);
    }

    /// A note below the goals.
    pub(crate) fn figure(&mut self, what: &str, today: String) {
        eprintln!("goals: {what}: {today}");
        self.goals
            .push([what.to_owned(), today, "–".to_owned(), String::new()]);
    }

    /// A table of its own.
    pub(crate) fn table<const COLUMNS: usize>(
        &mut self,
        head: [&str; COLUMNS],
        rows: &[[String; COLUMNS]],
    ) {
        self.tables.push(rendered(head, rows));
    }

    /// All tables.
    pub(crate) fn render(&self) -> String {
        let goals = rendered(["what", "today", "goal", ""], &self.goals);
        let all = std::iter::once(&goals).chain(&self.tables);
        all.map(|table| format!("\n{table}")).collect()
    }
}

fn rendered<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(COLUMNS));
    for row in rows {
        let _infallible = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// A ratio with the range of its pairs.
pub(crate) fn times(ratio: Ratio) -> String {
    let Ratio {
        median,
        least,
        most,
        ..
    } = ratio;
    // A ratio of 0.08 needs three digits to be compared with its goal.
    let digits = if median < 0.2 { 3 } else { 2 };
    format!("{median:.digits$}x ({least:.digits$} to {most:.digits$})")
}

/// A ratio close to 1, with the quartiles and the range of its pairs.
pub(crate) fn spread(ratio: Ratio) -> String {
    let Ratio {
        median,
        quartiles: [lower, upper],
        least,
        most,
    } = ratio;
    format!(
        "{median:.3}x (half of the pairs {lower:.3} to {upper:.3}, all {least:.3} to {most:.3})"
    )
}

/// The measurements of one contestant: the medians of its runs.
pub(crate) fn contestant(costs: &[Cost]) -> String {
    format!(
        "{:.2} s, {:.2} s of CPU, {:.0} MiB",
        median_of(costs, |cost| cost.wall),
        median_of(costs, |cost| cost.cpu),
        mebibytes(peak(costs))
    )
}

/// Bytes in MiB.
#[allow(clippy::cast_precision_loss, reason = "no machine has 2^52 bytes")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
