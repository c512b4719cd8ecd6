//! The dashboard, in Grafana's classic JSON model.

use std::collections::BTreeSet;

use serde_json::Value;

/// The selector of each metric begins so.
const FILTER: &str = "{job=~\"$job\", instance=~\"$instance\"";

const DATA_SOURCE: &str = "${datasource}";

pub(super) struct Dashboard(pub(super) Value);

impl Dashboard {
    pub(super) fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.0.pointer(pointer).unwrap().as_array().unwrap()
    }

    fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = self.list("/panels").iter();
        panels.filter(|panel| panel["type"] != "row")
    }

    /// The queries of panels, each with the title of its panel.
    pub(super) fn queries(&self) -> Vec<(&str, &Value)> {
        self.panels()
            .flat_map(|panel| {
                let title = text(&panel["title"]);
                let targets = panel["targets"].as_array().unwrap();
                targets.iter().map(move |target| (title, target))
            })
            .collect()
    }

    /// The queries of annotations, each with its name.
    pub(super) fn annotations(&self) -> Vec<(&str, &Value)> {
        let annotations = self.list("/annotations/list").iter();
        annotations
            .filter(|annotation| annotation["builtIn"] != 1)
            .map(|annotation| (text(&annotation["name"]), &annotation["target"]))
            .collect()
    }

    /// The variables, in their order.
    pub(super) fn variables(&self) -> Vec<&str> {
        let variables = self.list("/templating/list").iter();
        variables.map(|variable| text(&variable["name"])).collect()
    }

    /// Asserts that each panel says what it shows, in which unit and from which data source.
    pub(super) fn check_panels(&self) {
        let mut ids = BTreeSet::new();
        for panel in self.list("/panels") {
            assert!(ids.insert(panel["id"].as_u64()), "{panel}: an id twice");
        }
        for panel in self.panels() {
            for part in ["/title", "/description", "/fieldConfig/defaults/unit"] {
                let found = panel.pointer(part).and_then(Value::as_str);
                assert!(
                    found.is_some_and(|text| !text.is_empty()),
                    "{panel}: no {part}"
                );
            }
            assert_eq!(panel["datasource"]["uid"], DATA_SOURCE, "{panel}");
        }
        let queries = self.queries();
        assert!(
            queries.len() >= self.panels().count(),
            "a panel without a query"
        );
        for (title, query) in queries {
            assert_eq!(query["datasource"]["uid"], DATA_SOURCE, "{title}");
        }
    }

    /// Asserts that no panel lies outside of the grid or on another one.
    pub(super) fn check_places(&self) {
        let mut taken = BTreeSet::new();
        for panel in self.list("/panels") {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{}", panel["title"]);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(taken.insert((x, y)), "{}: on another one", panel["title"]);
                }
            }
        }
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Whether an expression selects each of these metrics by the variables.
pub(super) fn is_filtered<'a>(
    expression: &str,
    metrics: impl IntoIterator<Item = &'a String>,
) -> bool {
    let mut metrics = metrics.into_iter();
    metrics.all(|metric| {
        let selected = expression.matches(&format!("{metric}{FILTER}")).count();
        selected > 0 && selected == expression.matches(&format!("{metric}{{")).count()
    })
}

/// The labels of a legend, such as `{{shard}}`.
pub(super) fn legend_labels(legend: &str) -> impl Iterator<Item = &str> {
    let parts = legend.split("{{").skip(1);
    parts.map(|part| part.split_once("}}").expect("the end of a label").0)
}
