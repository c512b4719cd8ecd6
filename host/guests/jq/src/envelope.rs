//! What a value of the program is: an event, an event with its destination, or nothing.

use sluice_transform::destination_rule::{DestinationRule, parse_routes};
use sluice_transform::partition::{check_column, check_path};
use sluice_transform::{Outputs, Rejection, Routes};

use crate::destination::{Columns, columns, text};
use crate::rejection::jq_error;
use crate::value::{Object, Text, Val};
use crate::write;

/// The member that makes an envelope of an object.
pub(crate) const EVENT: &str = "$event";
const PARTITION: &str = "partition";
const ROUTES: &str = "routes";

/// Adds the event of a value. `null` is none. Only if there are `envelopes`, an object with the member `$event` is one.
///
/// # Errors
/// The rejection of the record: a value that is no object, or an envelope or an event with a fault.
pub(crate) fn add(
    value: &Val,
    rule: &DestinationRule,
    envelopes: bool,
    out: &mut Outputs,
) -> Result<(), Rejection> {
    match value {
        Val::Null => Ok(()),
        Val::Obj(object) => match object.get(EVENT.as_bytes()).filter(|_| envelopes) {
            None => {
                let columns = columns(object, &rule.partition_by)?;
                out.event(rule.routes, &columns, |out| write::strictly(value, out))
            }
            Some(event) => add_enveloped(object, event, rule, out),
        },
        other => Err(not_an_event("the program yields", other)),
    }
}

fn add_enveloped(
    envelope: &Object,
    event: &Val,
    rule: &DestinationRule,
    out: &mut Outputs,
) -> Result<(), Rejection> {
    let Val::Obj(members) = event else {
        return Err(not_an_event("`$event` is", event));
    };
    if let Some((unknown, _)) = envelope.iter().find(|(name, _)| !is_known(name)) {
        let unknown = unknown.as_str();
        let message = format_args!(
            "an envelope has the member {unknown:?}; expected only `$event`, `partition` and `routes`"
        );
        return Err(jq_error(message));
    }
    let columns = match envelope.get(PARTITION.as_bytes()) {
        None => columns(members, &rule.partition_by)?,
        Some(partition) => own_columns(partition)?,
    };
    let routes = match envelope.get(ROUTES.as_bytes()) {
        None => rule.routes,
        Some(routes) => own_routes(routes)?,
    };
    out.event(routes, &columns, |out| write::strictly(event, out))
}

fn is_known(name: &Text) -> bool {
    [EVENT, PARTITION, ROUTES].contains(&name.as_str())
}

/// The columns of `"partition": {"event_type": "x"}`.
fn own_columns(partition: &Val) -> Result<Columns<'_>, Rejection> {
    let Val::Obj(columns) = partition else {
        let message = format_args!("`partition` of an envelope is {partition}; expected an object");
        return Err(jq_error(message));
    };
    let mut found = Vec::with_capacity(columns.len());
    for (name, value) in columns.iter() {
        let name = name.as_str();
        check_column(name).map_err(|why| jq_error(format_args!("`partition`: {why}")))?;
        found.push((name, text(name, name, value)?));
    }
    check_path(&found)?;
    Ok(found)
}

/// The routes of `"routes": ["lake"]`.
fn own_routes(routes: &Val) -> Result<Routes, Rejection> {
    let wrong = || {
        let message = format_args!(
            "`routes` of an envelope is {routes}; expected an array with \"lake\", \"bus\" or both"
        );
        jq_error(message)
    };
    let Val::Arr(names) = routes else {
        return Err(wrong());
    };
    let names: Option<Vec<_>> = names.iter().map(Val::as_str).collect();
    parse_routes(names.ok_or_else(wrong)?).map_err(|_| wrong())
}

#[cold]
fn not_an_event(what: &str, value: &Val) -> Rejection {
    let message = format_args!("{what} {value}; expected an object (an event) or null (none)");
    jq_error(message)
}
