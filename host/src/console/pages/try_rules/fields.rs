//! The fields of the form.

use maud::{Markup, html};

use crate::console::payload::inert;

/// One of several values of a field.
pub(super) fn radio(name: &str, value: &str, chosen: &str, label: &str) -> Markup {
    html! {
        label.radio { input type="radio" name=(name) value=(value) checked[value == chosen]; " " (label) }
    }
}

/// A text in a line.
pub(super) fn line(name: &str, label: &str, value: &str, example: &str) -> Markup {
    let id = format!("try-{name}");
    html! {
        p.field {
            label for=(id) { (label) }
            input id=(id) name=(name) value=(inert(value)) placeholder=(example) autocomplete="off" spellcheck="false";
        }
    }
}

/// A text with several lines.
pub(super) fn text(name: &str, label: &str, value: &str, rows: u8) -> Markup {
    let id = format!("try-{name}");
    html! {
        p.field {
            label for=(id) { (label) }
            // A line end at the beginning of a text area is not part of its value.
            textarea id=(id) name=(name) rows=(rows) spellcheck="false" autocomplete="off" { "\n" (value) }
        }
    }
}

/// A choice of values, each with what it means.
pub(super) fn select<T: AsRef<str>>(
    name: &str,
    label: &str,
    chosen: &str,
    values: &[(T, T)],
) -> Markup {
    let id = format!("try-{name}");
    html! {
        p.field {
            label for=(id) { (label) }
            select id=(id) name=(name) {
                @for (value, meaning) in values {
                    option value=(value.as_ref()) selected[value.as_ref() == chosen] { (meaning.as_ref()) }
                }
            }
        }
    }
}
