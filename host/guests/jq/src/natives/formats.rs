//! Formats of texts: `@csv`, `@html` and so on.

use super::{Entry, once};
use crate::value::{Error, Text, Val, ValR};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("@text", 0, |cv| once(Ok(cv.1.into_text()))),
        ("@json", 0, |cv| once(Ok(cv.1.json()))),
        ("@html", 0, |cv| once(Ok(html(cv.1)))),
        ("@sh", 0, |cv| once(shell(&cv.1))),
        ("@csv", 0, |cv| once(row(&cv.1, ",", csv_cell))),
        ("@tsv", 0, |cv| once(row(&cv.1, "\t", tsv_cell))),
    ]
}

fn html(value: Val) -> Val {
    let text = value.into_text();
    let mut out = String::new();
    for c in text.as_str().unwrap_or_default().chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    Val::Str(Text::from(out))
}

/// Words for a shell, in quotes.
fn shell(value: &Val) -> ValR {
    let words = match value {
        Val::Arr(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        match word {
            Val::Str(text) => {
                out.push('\'');
                out.push_str(&text.as_str().replace('\'', r"'\''"));
                out.push('\'');
            }
            Val::Arr(_) | Val::Obj(_) => {
                return Err(Error::str(format_args!(
                    "{word} cannot be escaped for a shell"
                )));
            }
            other => out.push_str(other.clone().into_text().as_str().unwrap_or_default()),
        }
    }
    Ok(Val::Str(Text::from(out)))
}

/// One line of a table.
fn row(value: &Val, separator: &str, cell: fn(&str) -> String) -> ValR {
    let Val::Arr(items) = value else {
        return Err(Error::str(format_args!(
            "{value} is no array, and so no row of a table"
        )));
    };
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        match item {
            Val::Null => {}
            Val::Str(text) => out.push_str(&cell(text.as_str())),
            Val::Arr(_) | Val::Obj(_) => {
                return Err(Error::str(format_args!("{item} cannot be a cell of a row")));
            }
            other => out.push_str(other.clone().into_text().as_str().unwrap_or_default()),
        }
    }
    Ok(Val::Str(Text::from(out)))
}

fn csv_cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn tsv_cell(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('\t', r"\t");
    escaped.replace('\n', r"\n").replace('\r', r"\r")
}
