//! Tables for people.

use std::fmt;

use sluice_engine::sanitize::escape;

/// A wider cell is cut.
const CELL_MAX_CHARS: usize = 60;

/// A table with a line of titles. Texts of events cannot control the terminal.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(titles: [&str; N]) -> Self {
        Self {
            rows: vec![titles.map(str::to_owned)],
        }
    }

    pub(super) fn add(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| cut(&escape(&cell))));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }
}

fn cut(cell: &str) -> String {
    match cell.char_indices().nth(CELL_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
        };
        let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(&format!("  {cell:<width$}"));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_are_harmless() {
        let mut table = Table::new(["path", "type"]);
        assert!(table.is_empty());
        table.add(["é\u{1b}".to_owned(), "long".to_owned()]);
        table.add(["x".repeat(70), String::new()]);
        let text = table.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], format!("  {:<61}  type", "path"));
        assert_eq!(lines[1], format!("  {:<61}  long", "é\\u{1b}"));
        assert_eq!(lines[2], format!("  {}…", "x".repeat(60)));
    }
}
