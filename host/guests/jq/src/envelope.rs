//! What a value of the program is: an event, an event with its destination, or nothing.

use jaq_json::{Map, Val};
use sluice_transform::destination_rule::{DestinationRule, parse_routes};
use sluice_transform::partition::{check_column, check_path};
use sluice_transform::{Rejection, Routes};

use crate::destination::{Columns, columns, member, text};
use crate::outcome::Outputs;
use crate::rejection::{jq_error, shown};
use crate::write;

/// The member that makes an envelope of an object.
const EVENT: &str = "$event";
const PARTITION: &str = "partition";
const ROUTES: &str = "routes";

/// Adds the event of a value. `null` is none.
///
/// # Errors
/// The rejection of the record: a value that is no object, or an envelope or an event with a fault.
pub(crate) fn add(value: Val, rule: &DestinationRule, out: &mut Outputs) -> Result<(), Rejection> {
    match &value {
        Val::Null => Ok(()),
        Val::Obj(object) => match member(object, EVENT) {
            None => {
                let columns = columns(object, &rule.partition_by)?;
                out.event(rule.routes, &columns, |out| write::value(&value, out))
            }
            Some(event) => add_enveloped(object, event, rule, out),
        },
        other => Err(not_an_event("the program yields", other)),
    }
}

fn add_enveloped(
    envelope: &Map,
    event: &Val,
    rule: &DestinationRule,
    out: &mut Outputs,
) -> Result<(), Rejection> {
    let Val::Obj(members) = event else {
        return Err(not_an_event("`$event` is", event));
    };
    if let Some(unknown) = envelope.keys().find(|key| !is_known(key)) {
        let unknown = shown(unknown);
        let message = format_args!(
            "an envelope has the member {unknown}; expected only `$event`, `partition` and `routes`"
        );
        return Err(jq_error(message));
    }
    let columns = match member(envelope, PARTITION) {
        None => columns(members, &rule.partition_by)?,
        Some(partition) => own_columns(partition)?,
    };
    let routes = match member(envelope, ROUTES) {
        None => rule.routes,
        Some(routes) => own_routes(routes)?,
    };
    out.event(routes, &columns, |out| write::value(event, out))
}

fn is_known(key: &Val) -> bool {
    let known = [EVENT, PARTITION, ROUTES];
    matches!(key, Val::TStr(key) if known.iter().any(|known| known.as_bytes() == key.as_ref()))
}

/// The columns of `"partition": {"event_type": "x"}`.
fn own_columns(partition: &Val) -> Result<Columns<'_>, Rejection> {
    let Val::Obj(columns) = partition else {
        let found = shown(partition);
        let message = format_args!("`partition` of an envelope is {found}; expected an object");
        return Err(jq_error(message));
    };
    let mut found = Vec::with_capacity(columns.len());
    for (name, value) in columns.iter() {
        let name = column_name(name)?;
        found.push((name, text(name, name, value)?));
    }
    check_path(&found)?;
    Ok(found)
}

fn column_name(name: &Val) -> Result<&str, Rejection> {
    let no_name = || jq_error(format_args!("`partition`: {} is no name", shown(name)));
    let text = as_text(name).ok_or_else(no_name)?;
    check_column(text).map_err(|why| jq_error(format_args!("`partition`: {why}")))?;
    Ok(text)
}

/// The routes of `"routes": ["lake"]`.
fn own_routes(routes: &Val) -> Result<Routes, Rejection> {
    let wrong = || {
        let found = shown(routes);
        let message = format_args!(
            "`routes` of an envelope is {found}; expected an array with \"lake\", \"bus\" or both"
        );
        jq_error(message)
    };
    let Val::Arr(names) = routes else {
        return Err(wrong());
    };
    let names: Option<Vec<_>> = names.iter().map(as_text).collect();
    parse_routes(names.ok_or_else(wrong)?).map_err(|_| wrong())
}

fn as_text(value: &Val) -> Option<&str> {
    match value {
        Val::TStr(text) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

#[cold]
fn not_an_event(what: &str, value: &Val) -> Rejection {
    let message = format_args!(
        "{what} {}; expected an object (an event) or null (none)",
        shown(value)
    );
    jq_error(message)
}
