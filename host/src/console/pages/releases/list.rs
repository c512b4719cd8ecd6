//! The list of releases.

use maud::{Markup, html};

use super::link;
use crate::console::components::{Tone, badge, empty, pager, rows_of_page, table, time_text};
use crate::console::page::PageRequest;
use crate::console::payload::inert;
use crate::console::releases::{ListedRelease, ReleasesView};
use crate::tools::author::program_text;
use crate::tools::publisher::list::role;

/// The releases, the newest first, a page of them at a time.
pub(super) fn section(view: &ReleasesView, request: &PageRequest) -> Markup {
    let shown = rows_of_page(request, &view.releases);
    let rows: Vec<_> = shown.iter().map(|release| row(view, release)).collect();
    let columns = [
        "Release",
        "Transform",
        "Role",
        "Published",
        "Note",
        "Signed",
        "Cases",
        "Program",
    ];
    html! {
        h2 { "Releases" }
        @if rows.is_empty() {
            (empty("The registry has no release.", "Publish one with `sluice transform publish`, or on the page \"Try\"."))
        } @else {
            (table("The releases, the newest first", &columns, &rows))
            (pager(request, view.releases.len()))
        }
    }
}

fn row(view: &ReleasesView, release: &ListedRelease) -> Vec<Markup> {
    let manifest = &release.manifest;
    let lines = program_text::first_lines(&manifest.transform_config);
    vec![
        link(release.id),
        html! { (inert(manifest.transform.as_deref().unwrap_or("unknown"))) },
        role_badge(view, release),
        published(release),
        html! { (inert(manifest.note.as_deref().unwrap_or_default())) },
        html! { @if release.is_signed { "signed" } @else { "not signed" } },
        html! { @if manifest.cases.is_some() { "has cases" } @else { "none" } },
        html! { @if !lines.is_empty() { pre.program { (inert(&lines.join("\n"))) } } },
    ]
}

/// What the release is now.
fn role_badge(view: &ReleasesView, release: &ListedRelease) -> Markup {
    match role(&view.rollout, release.id) {
        "" => html! { "none" },
        "active" => badge(Tone::Good, "active"),
        role => badge(Tone::Neutral, role),
    }
}

/// When the release was published.
fn published(release: &ListedRelease) -> Markup {
    match &release.manifest.published_at {
        Some(at) => time_text(at),
        None => html! { "unknown" },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{listed, view};
    use super::*;

    #[test]
    fn a_release_is_listed_with_its_role_and_the_first_lines_of_its_program() {
        let mut view = view();
        view.releases[1].manifest.note = Some("<i>note</i>".into());
        view.releases[1].is_signed = true;
        let html = section(&view, &PageRequest::parse("/releases")).into_string();
        let link = format!("/release?id={}", view.releases[1].id);
        assert!(html.contains(&link) && html.contains("jq 1.0.0"), "{html}");
        assert!(
            html.contains("active</span>") && html.contains("canary</span>"),
            "{html}"
        );
        assert!(
            html.contains("&lt;i&gt;note&lt;/i&gt;") && html.contains("not signed"),
            "{html}"
        );
        assert!(html.contains(".a = 2\n| .b = 1</pre>"), "{html}");
    }

    #[test]
    fn a_hundred_releases_are_on_a_page() {
        let mut view = view();
        view.releases = (0..130).map(|n| listed(&format!(".a = {n}"))).collect();
        let request = PageRequest::parse("/releases?page=2");
        let html = section(&view, &request).into_string();
        assert_eq!(html.matches("/release?id=").count(), 30);
        assert!(html.contains("Page 2 of 2"), "{html}");
        view.releases.clear();
        let html = section(&view, &request).into_string();
        assert!(html.contains("The registry has no release."), "{html}");
    }
}
