//! What a page is: a title and sections, which request it answers, and why there may be none.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::StatusCode;
use maud::Markup;

use crate::output;

/// A page, without what all pages have.
pub(super) struct Page {
    pub(super) title: String,
    pub(super) sections: Vec<Section>,
}

impl Page {
    /// Whether it has a section that is sent again.
    pub(super) fn has_live(&self) -> bool {
        self.sections.iter().any(|section| section.is_live)
    }
}

/// A part of a page.
pub(super) struct Section {
    /// The id of its element.
    pub(super) id: &'static str,
    pub(super) body: Markup,
    /// Whether it is sent to the browser again when it changes.
    pub(super) is_live: bool,
}

impl Section {
    /// A section that is sent again when it changes.
    pub(super) fn live(id: &'static str, body: Markup) -> Self {
        let is_live = true;
        Self { id, body, is_live }
    }

    /// A section that stays as it is, such as one with a form.
    pub(super) fn fixed(id: &'static str, body: Markup) -> Self {
        let is_live = false;
        Self { id, body, is_live }
    }

    /// A fixed section of a page that has live ones. It is empty if only those are asked for.
    pub(super) fn once(
        id: &'static str,
        request: &PageRequest,
        body: impl FnOnce() -> Markup,
    ) -> Self {
        let body = match request.is_live {
            true => Markup::default(),
            false => body(),
        };
        Self::fixed(id, body)
    }
}

/// Which page, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageRequest {
    pub(super) path: String,
    /// Whether only the live sections are asked for.
    pub(super) is_live: bool,
    query: BTreeMap<String, String>,
}

impl PageRequest {
    /// Parses a path with a query.
    pub(super) fn parse(path_and_query: &str) -> Self {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let uri = format!("/?{query}").parse();
        let pairs = uri.ok().and_then(|uri| {
            let query = axum::extract::Query::<BTreeMap<String, String>>::try_from_uri(&uri);
            query.ok()
        });
        Self {
            path: path.to_owned(),
            is_live: false,
            query: pairs.map(|pairs| pairs.0).unwrap_or_default(),
        }
    }

    /// The request for the live sections of a page.
    pub(super) fn live(path_and_query: &str) -> Self {
        Self {
            is_live: true,
            ..Self::parse(path_and_query)
        }
    }

    /// A value of the query, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.query.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The number of the page of a list, from 1.
    pub(super) fn page(&self) -> usize {
        let page = self.get("page").and_then(|page| page.parse().ok());
        page.unwrap_or(1).max(1)
    }

    /// The path and query of the same page with another value.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let mut query = self.query.clone();
        query.insert(name.to_owned(), value.to_owned());
        let pairs = query.iter().filter(|(_, value)| !value.is_empty());
        let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        format!("{}?{}", self.path, pairs.collect::<Vec<_>>().join("&"))
    }
}

/// A text as a part of a query: all but letters, digits, `-`, `.`, `_` and `~` is percent-encoded (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum PageError {
    /// There is no such page, shard, release or record.
    NotFound(String),
    /// The request is wrong: what, and what to do.
    Wrong(String),
    /// The console does not allow this.
    NotAllowed(String),
    /// What the page is made from cannot be read, or a change failed.
    Failed(anyhow::Error),
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(why) | Self::Wrong(why) | Self::NotAllowed(why) => f.write_str(why),
            Self::Failed(error) => f.write_str(&output::with_causes(error)),
        }
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl PageError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_query() {
        let request = PageRequest::parse("/shards?filter=a%26b%3D%C3%A9&page=2&empty=");
        assert_eq!(request.path, "/shards");
        assert_eq!(request.get("filter"), Some("a&b=é"));
        assert_eq!((request.page(), request.get("empty")), (2, None));
        assert_eq!(
            request.with("page", "3"),
            "/shards?filter=a%26b%3D%C3%A9&page=3"
        );
        assert_eq!(
            PageRequest::parse(&request.with("page", "2")).get("filter"),
            Some("a&b=é")
        );
        assert_eq!(PageRequest::parse("/").page(), 1);
    }

    #[test]
    fn a_fixed_section_is_made_for_the_whole_page_only() {
        let section = |request: &PageRequest| {
            let body = || maud::html! { p { "a form" } };
            Section::once("form", request, body).body.into_string()
        };
        assert_eq!(section(&PageRequest::parse("/a?b=c")), "<p>a form</p>");
        let live = PageRequest::live("/a?b=c");
        assert_eq!((section(&live).as_str(), live.get("b")), ("", Some("c")));
    }
}
