//! The commands of schemas, run by the program.

mod check;
mod compare;
mod infer;
mod lakes;

use serde_json::Value;

use crate::support::program::{Place, Ran};

/// A schema of these columns, in the form of the document.
fn schema(columns: &str) -> String {
    format!("{{\"version\":1,\"columns\":[{columns}]}}")
}

/// Events of two types, with a conflict, a member that is often missing, and a list of objects.
fn orders() -> String {
    let order = |n: usize| {
        let note = if n.is_multiple_of(4) {
            r#","note":null"#
        } else {
            ""
        };
        format!(
            "{{\"event_type\":\"order\",\"id\":{n},\"total\":{n}.50,\"items\":[{{\"sku\":\"s{n}\",\"count\":{n}}}],\
             \"at\":\"2026-01-31T12:00:00.250Z\"{note}}}\n"
        )
    };
    let orders: String = (1..=20).map(order).collect();
    orders
        + "{\"event_type\":\"order\",\"id\":\"none\"}\n{\"event_type\":\"login\",\"user\":\"u\"}\n"
}

/// Runs `sluice schema` in this folder.
fn run(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["schema"], args].concat())
}

/// The JSON object that a command prints.
fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}
