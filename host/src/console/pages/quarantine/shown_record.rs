//! A quarantined record as pages show it.

use maud::{Markup, html};

use super::fault_place;
use super::marked::marked;
use crate::config::shell_word;
use crate::console::components::{bytes, facts, release_link, time};
use crate::console::page::encoded;
use crate::console::payload::{inert, payload, payload_bytes};
use crate::console::words::moment;
use crate::layout::quarantine::QuarantinedRecord;

/// The bytes of a larger record are not kept.
const KEPT_MAX: usize = 2 << 20;

/// A record, with what is shown of it.
#[derive(Clone, Debug)]
pub(super) struct ShownRecord {
    pub(super) rid: String,
    reason: String,
    message: String,
    backtrace: Option<String>,
    release: String,
    partition_key: String,
    /// Milliseconds since the Unix epoch; 0 if its source has no times.
    arrived_at: u64,
    /// Its bytes, unless there are too many.
    data: Option<Vec<u8>>,
    /// The number of its bytes.
    size: usize,
    /// Its object, as people name it.
    object: String,
    /// The index of its line in the object.
    line: u64,
}

impl ShownRecord {
    /// A record in a line of an object.
    pub(super) fn new(record: &QuarantinedRecord<'_>, object: &str, line: u64) -> Self {
        let data = record.data().unwrap_or_default();
        let size = data.len();
        Self {
            rid: record.rid.to_string(),
            reason: record.reason.to_string(),
            message: record.message.to_string(),
            backtrace: record.backtrace.as_ref().map(ToString::to_string),
            release: record.release.to_string(),
            partition_key: record.partition_key.to_string(),
            arrived_at: record.arrived_at,
            data: (size <= KEPT_MAX).then(|| data.into_owned()),
            size,
            object: object.to_owned(),
            line,
        }
    }

    /// The page of the record.
    pub(super) fn link(&self) -> String {
        format!("/record?rid={}", encoded(&self.rid))
    }

    /// The record, without a heading. Its contents only with permission.
    pub(super) fn body(&self, is_shown: bool) -> Markup {
        let code = html! { code { (inert(&self.reason)) } };
        let attempt = format!(
            "/try?reason={}&rid={}",
            encoded(&self.reason),
            encoded(&self.rid)
        );
        html! {
            (facts(&[
                ("Reason", code),
                ("Arrived", self.arrived()),
                ("Release", release_link(&self.release)),
                ("Key", self.key(is_shown)),
                ("Bytes", bytes(self.size as u64)),
            ]))
            p.label { "Message" }
            (payload(&self.message, is_shown))
            p.label { "Record" }
            (self.data(is_shown))
            @if let Some(backtrace) = &self.backtrace {
                details id=(format!("backtrace-{}-{}", encoded(&self.object), self.line)) {
                    summary { "Backtrace" }
                    (payload(backtrace, true))
                }
            }
            p.place { "In " code { (inert(&self.object)) } ", line " (self.line + 1) "." }
            p { a href=(attempt) { "Try rules on this record" } }
        }
    }

    fn arrived(&self) -> Markup {
        match moment(self.arrived_at) {
            Some(at) => time(at),
            None => html! { "its source has no times" },
        }
    }

    fn key(&self, is_shown: bool) -> Markup {
        match self.partition_key.is_empty() {
            true => html! { "none" },
            false => payload(&self.partition_key, is_shown),
        }
    }

    /// The bytes of the record, with the place of the fault marked if it can be told.
    fn data(&self, is_shown: bool) -> Markup {
        if !is_shown {
            return html! {
                p.hidden title="start the console with --show-payloads to see it" { (self.size) " bytes, hidden" }
            };
        }
        let Some(data) = &self.data else {
            let command = format!("sluice quarantine show {} --payload", shell_word(&self.rid));
            return html! {
                p { "The record is too large to be shown here. " code { (inert(&command)) } " prints it." }
            };
        };
        match std::str::from_utf8(data) {
            Ok(text) => {
                let place = fault_place::find(&self.reason, &self.message, text);
                marked(text, place.as_ref())
            }
            Err(_) => payload_bytes(data, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(line: &serde_json::Value) -> ShownRecord {
        let line = line.to_string();
        let record = QuarantinedRecord::parse(line.as_bytes()).unwrap();
        ShownRecord::new(&record, "lake/object", 6)
    }

    fn line(data: &str) -> serde_json::Value {
        json!({
            "rid": "s:1", "reason": "missing_field", "message": "event_type: missing <secret>", "backtrace": "0: <f>\n1: \u{202e}g",
            "release": "0123456789", "partition_key": "key of secret", "arrived_at": 1_767_225_600_000_u64, "data": data,
        })
    }

    #[test]
    fn a_record_is_shown_with_its_fault() {
        let html = shown(&line(r#"{"a":"<script>\u202e"}"#))
            .body(true)
            .into_string();
        assert!(
            html.contains("<mark>{&quot;a&quot;:&quot;&lt;script&gt;\\u202e&quot;}</mark>"),
            "{html}"
        );
        for part in [
            "the object without the member &quot;event_type&quot;",
            "event_type: missing &lt;secret&gt;",
            "0: &lt;f&gt;\n1: \\u{202e}g",
            "2026-01-01T00:00:00Z",
            "/release?id=0123456789",
            "lake/object",
            "line 7",
            "/try?reason=missing_field&amp;rid=s%3A1",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn nothing_of_its_contents_is_shown_without_permission() {
        let html = shown(&line("secret data")).body(false).into_string();
        assert!(html.contains("11 bytes, hidden"), "{html}");
        assert!(
            !html.contains("secret") && !html.contains("event_type"),
            "{html}"
        );
    }

    #[test]
    fn other_bytes_are_marked_and_large_records_are_not_shown() {
        let mut binary = line("");
        binary.as_object_mut().unwrap().remove("data");
        binary["data_base64"] = json!("/wDD");
        let html = shown(&binary).body(true).into_string();
        assert!(
            html.contains("Not UTF-8: 2 bytes marked") && html.contains("<mark>\\xff</mark>"),
            "{html}"
        );
        let html = shown(&line(&"x".repeat(KEPT_MAX + 1)))
            .body(true)
            .into_string();
        assert!(
            html.contains("sluice quarantine show s:1 --payload"),
            "{html}"
        );
        assert!(html.len() < 10_000);
        let html = shown(&line(&"x".repeat(1 << 20))).body(true).into_string();
        assert!(html.contains("xxx") && html.len() < 20_000);
    }
}
