//! Grafana's classic JSON model of dashboards, as its documentation and the schemas of its source describe it: the part that
//! the dashboard uses. Whatever else is in the dashboard fails the check, so that nothing is in it which Grafana would ignore.

use std::collections::BTreeSet;

use serde_json::{Value, json};

type Checked = Result<(), String>;

const DATA_SOURCE: &str = "${datasource}";

/// The variables of Grafana that queries may have, besides those of the dashboard.
const VARIABLES: [&str; 2] = ["__interval", "__rate_interval"];

/// The members of the dashboard, of its panels and of their targets.
const DASHBOARD: &str = "annotations description editable fiscalYearStartMonth graphTooltip links panels refresh \
    schemaVersion tags templating time timepicker timezone title uid version weekStart";
const ROW: &str = "collapsed gridPos id panels title type";
const PANEL: &str = "datasource description fieldConfig gridPos id options targets title type";
const TARGET: &str = "datasource editorMode expr instant legendFormat range refId";

/// The ids of units, in Grafana's list of them.
const UNITS: &str = "Bps bytes cps none percentunit reqps s";

/// Members of the field configuration and of the options, each with what it may be: one of these words, or, if there are none,
/// any number or switch. A member that is not named here is unknown. Most of them belong to the type of the panel.
type Choices = [(&'static str, &'static str)];

const STAT: &Choices = &[
    ("/fieldConfig/defaults/color/mode", "thresholds fixed"),
    ("/options/colorMode", "value background none"),
    ("/options/graphMode", "none line area"),
    ("/options/justifyMode", "auto center"),
    ("/options/orientation", "auto vertical horizontal"),
    ("/options/reduceOptions/calcs/0", "lastNotNull"),
    ("/options/reduceOptions/values", ""),
    ("/options/textMode", "auto value value_and_name name none"),
    ("/options/wideLayout", ""),
];
const TIMESERIES: &Choices = &[
    ("/fieldConfig/defaults/color/mode", "palette-classic fixed"),
    ("/fieldConfig/defaults/custom/drawStyle", "line bars points"),
    ("/fieldConfig/defaults/custom/fillOpacity", ""),
    ("/fieldConfig/defaults/custom/lineWidth", ""),
    (
        "/fieldConfig/defaults/custom/showPoints",
        "auto never always",
    ),
    ("/fieldConfig/defaults/custom/spanNulls", ""),
    ("/fieldConfig/defaults/custom/stacking/group", "A"),
    (
        "/fieldConfig/defaults/custom/stacking/mode",
        "none normal percent",
    ),
    (
        "/fieldConfig/defaults/custom/thresholdsStyle/mode",
        "off line dashed area line+area dashed+area",
    ),
    ("/options/legend/calcs/0", "lastNotNull"),
    ("/options/legend/calcs/1", "max"),
    ("/options/legend/displayMode", "list table"),
    ("/options/legend/placement", "bottom right"),
    ("/options/legend/showLegend", ""),
    ("/options/tooltip/mode", "single multi none"),
    ("/options/tooltip/sort", "none asc desc"),
];

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(why()) }
}

/// Checks a dashboard.
pub(super) fn check(dashboard: &Value) -> Checked {
    has_only(dashboard, DASHBOARD, "the dashboard")?;
    let uid = text(dashboard, "/uid")?;
    let is_uid = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    ensure(
        (8..=40).contains(&uid.len()) && uid.chars().all(is_uid),
        || format!("uid {uid}"),
    )?;
    ensure(dashboard["schemaVersion"] == 39, || {
        "another schemaVersion".into()
    })?;
    let mut known: BTreeSet<_> = VARIABLES.into();
    for variable in list(dashboard, "/templating/list")? {
        check_variable(variable, &known)?;
        known.insert(text(variable, "/name")?);
    }
    for annotation in list(dashboard, "/annotations/list")? {
        let name = text(annotation, "/name")?;
        for member in ["/iconColor", "/datasource/type", "/datasource/uid"] {
            text(annotation, member)?;
        }
        ensure(annotation["enable"] == true, || {
            format!("{name} is not enabled")
        })?;
        if annotation["builtIn"] != 1 {
            has_data_source(annotation)?;
            has_variables(annotation, "/target/expr", &known)?;
        }
    }
    let (mut ids, mut bottom) = (BTreeSet::new(), 0);
    for panel in list(dashboard, "/panels")? {
        let title = text(panel, "/title")?;
        check_panel(panel, &known).map_err(|why| format!("{title}: {why}"))?;
        ensure(ids.insert(panel["id"].as_u64()), || {
            format!("{title}: an id twice")
        })?;
        // Grafana takes the panels after a row, in their order, for its own.
        let top = number(panel, "/gridPos/y")?;
        ensure(top >= bottom || panel["type"] != "row", || {
            format!("{title}: above the panel before")
        })?;
        bottom = bottom.max(top + number(panel, "/gridPos/h")?);
    }
    Ok(())
}

fn check_variable(variable: &Value, known: &BTreeSet<&str>) -> Checked {
    let name = text(variable, "/name")?;
    match text(variable, "/type")? {
        "datasource" => ensure(
            variable["query"] == "prometheus" && DATA_SOURCE == format!("${{{name}}}"),
            || format!("{name}: not the data source of the panels"),
        ),
        "query" => {
            has_data_source(variable)?;
            let refresh = number(variable, "/refresh")?;
            ensure(refresh == 1 || refresh == 2, || {
                format!("{name} is never read")
            })?;
            // An import takes the definition, and the query of the variable is what runs.
            let query = text(variable, "/query/query")?;
            ensure(text(variable, "/definition")? == query, || {
                format!("{name}: two queries")
            })?;
            has_variables(variable, "/query/query", known)
        }
        other => Err(format!("{name}: a variable of the type {other}")),
    }
}

fn check_panel(panel: &Value, variables: &BTreeSet<&str>) -> Checked {
    check_place(panel)?;
    let choices = match text(panel, "/type")? {
        "row" => {
            has_only(panel, ROW, "the row")?;
            let is_open = panel["collapsed"] == false && panel["panels"] == json!([]);
            return ensure(is_open && panel["gridPos"]["w"] == 24, || {
                "not an open row".into()
            });
        }
        "stat" => STAT,
        "timeseries" => TIMESERIES,
        other => return Err(format!("a panel of the type {other}")),
    };
    has_only(panel, PANEL, "the panel")?;
    has_data_source(panel)?;
    let mut refs = BTreeSet::new();
    for target in list(panel, "/targets")? {
        has_only(target, TARGET, "a target")?;
        has_data_source(target)?;
        has_variables(target, "/expr", variables)?;
        let is_range = target["range"] == true && target["instant"] == false;
        ensure(is_range, || "not over a range".into())?;
        ensure(refs.insert(text(target, "/refId")?), || {
            "a refId twice".into()
        })?;
    }
    ensure(!refs.is_empty(), || "no target".into())?;
    check_units(panel)?;
    check_thresholds(panel)?;
    check_choices(panel, choices)
}

/// Checks that the members that depend on the type of the panel are known, and what they are.
fn check_choices(panel: &Value, choices: &Choices) -> Checked {
    for part in [
        "/fieldConfig/defaults/color",
        "/fieldConfig/defaults/custom",
        "/options",
    ] {
        for (path, value) in leaves(panel.pointer(part).unwrap_or(&Value::Null), part) {
            let mut known = choices.iter();
            let allowed = known.find(|(known, _)| *known == path);
            let fits = allowed.is_some_and(|(_, words)| match value {
                Value::String(word) => is_one_of(word, words),
                _ => words.is_empty(),
            });
            ensure(fits, || format!("{path} is {value}"))?;
        }
    }
    Ok(())
}

fn is_one_of(word: &str, words: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

fn check_place(panel: &Value) -> Checked {
    let [height, width, left] =
        ["h", "w", "x"].map(|side| number(panel, &format!("/gridPos/{side}")));
    let (height, width, left) = (height?, width?, left?);
    ensure(height > 0 && width > 0 && left + width <= 24, || {
        "outside of the grid".into()
    })
}

/// Checks the units, those of single lines too.
fn check_units(panel: &Value) -> Checked {
    let mut units = vec![text(panel, "/fieldConfig/defaults/unit")?];
    for changed in list(panel, "/fieldConfig/overrides")? {
        let legend = &changed["matcher"]["options"];
        let mut targets = list(panel, "/targets")?.iter();
        let is_of_target = targets.any(|target| target["legendFormat"] == *legend);
        ensure(is_of_target && changed["matcher"]["id"] == "byName", || {
            format!("no {legend}")
        })?;
        for property in list(changed, "/properties")? {
            let value = text(property, "/value")?;
            match text(property, "/id")? {
                "unit" => units.push(value),
                "custom.axisPlacement" if is_one_of(value, "left right") => {}
                other => return Err(format!("{other} is {value}")),
            }
        }
    }
    let unknown = units.iter().find(|unit| !is_one_of(unit, UNITS));
    ensure(unknown.is_none(), || format!("no unit {unknown:?}"))
}

fn check_thresholds(panel: &Value) -> Checked {
    let Some(thresholds) = panel.pointer("/fieldConfig/defaults/thresholds") else {
        return Ok(());
    };
    let steps = list(thresholds, "/steps")?.iter();
    let steps: Vec<_> = steps.map(|step| step["value"].as_f64()).collect();
    let rises = steps.windows(2).all(|pair| pair[0] < pair[1]);
    ensure(
        thresholds["mode"] == "absolute" && steps.first() == Some(&None) && rises,
        || "thresholds do not rise".into(),
    )
}

/// The members of a value that are no objects or lists themselves, with their paths.
fn leaves<'a>(value: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let leaves = members.flat_map(|(name, value)| leaves(value, &format!("{path}/{name}")));
            leaves.collect()
        }
        Value::Array(values) => {
            let values = values.iter().enumerate();
            let leaves = values.flat_map(|(at, value)| leaves(value, &format!("{path}/{at}")));
            leaves.collect()
        }
        Value::Null => Vec::new(),
        // Nothing is left out of what is shown.
        Value::String(text) if text.is_empty() => Vec::new(),
        value => vec![(path.to_owned(), value)],
    }
}

fn has_only(value: &Value, known: &str, what: &str) -> Checked {
    let members = value.as_object().ok_or(format!("{what} is no object"))?;
    let unknown = members.keys().find(|name| !is_one_of(name, known));
    ensure(unknown.is_none(), || format!("{what} has {unknown:?}"))
}

fn has_data_source(value: &Value) -> Checked {
    let expected = json!({ "type": "prometheus", "uid": DATA_SOURCE });
    ensure(value["datasource"] == expected, || {
        format!("another data source: {}", value["datasource"])
    })
}

/// Checks that a query has only variables that there are.
fn has_variables(value: &Value, pointer: &str, known: &BTreeSet<&str>) -> Checked {
    for part in text(value, pointer)?.split('$').skip(1) {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &part[..end.unwrap_or(part.len())];
        // `$1` of label_replace is no variable.
        ensure(name == "1" || known.contains(name), || {
            format!("no variable {name}")
        })?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| format!("no text {pointer}"))
}

fn number(value: &Value, pointer: &str) -> Result<u64, String> {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.ok_or_else(|| format!("no number {pointer}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value], String> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found
        .map(Vec::as_slice)
        .ok_or_else(|| format!("no list {pointer}"))
}

#[test]
fn what_grafana_does_not_know_is_found() {
    let dashboard = super::dashboard().0;
    let panels = dashboard["panels"].as_array().unwrap();
    let with_two = panels
        .iter()
        .position(|panel| panel["targets"].get(1).is_some());
    let two = with_two.unwrap();
    for (pointer, value) in [
        ("/uid", json!("short")),
        ("/schemaVersion", json!("39")),
        ("/panels/0/type", json!("graph")),
        ("/panels/0/fieldConfig/defaults/unit", json!("records/s")),
        (
            "/panels/0/fieldConfig/defaults/color",
            json!({ "mode": "thresholds", "colour": "red" }),
        ),
        ("/panels/0/options/textMode", json!("big")),
        ("/panels/0/gridPos/w", json!(25)),
        ("/panels/0/datasource/uid", json!("prometheus")),
        ("/panels/0/targets", json!([])),
        ("/panels/0/targets/0/expr", json!("rate(x[$interval])")),
        ("/panels/1/id", dashboard["panels"][0]["id"].clone()),
        (&*format!("/panels/{two}/targets/1/refId"), json!("A")),
        (&*format!("/panels/{two}/targets/1/datasource"), json!(null)),
        ("/templating/list/1/datasource/uid", json!("${source}")),
        (
            "/annotations/list/1/target/expr",
            json!("up{job=\"$jobs\"}"),
        ),
    ] {
        let mut changed = dashboard.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(check(&changed).is_err(), "{pointer}");
    }
}
