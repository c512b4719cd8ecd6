//! The rules of a release: its program, and its other settings.

use maud::{Markup, html};
use serde_json::Value;
use sluice_release::bundle::Manifest;

use crate::console::payload::inert;
use crate::tools::author::program_text;

/// The program, and the other settings.
pub(super) fn program(manifest: &Manifest) -> Markup {
    let lines = program_text::lines(&manifest.transform_config);
    html! {
        @if !lines.is_empty() {
            h2 { "Program" }
            pre.program tabindex="0" role="region" aria-label="The program" { (inert(&lines.join("\n"))) }
        }
        h2 { "Configuration" @if !lines.is_empty() { " besides the program" } }
        pre.program tabindex="0" role="region" aria-label="The configuration" {
            (inert(&settings(manifest).join("\n")))
        }
    }
}

/// The configuration besides the program, a setting a line.
pub(super) fn settings(manifest: &Manifest) -> Vec<String> {
    let others = program_text::other_settings(&manifest.transform_config);
    let value: Option<Value> = serde_json::from_str(&others).ok();
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let lines = pretty.unwrap_or(others);
    lines.lines().map(str::to_owned).collect()
}
