//! The alerts, and their cases. The files are YAML in the one form that this reads; promtool knows all of YAML.

use std::collections::BTreeMap;

/// Alerts in a file of rules.
pub(super) struct Alert {
    pub(super) name: String,
    /// `expr`, `for`, and the members of `labels` and `annotations`. Lines of a text are joined by a space.
    pub(super) fields: BTreeMap<String, String>,
}

impl Alert {
    pub(super) fn field(&self, name: &str) -> &str {
        let value = self.fields.get(name);
        value.unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    fn append(&mut self, field: &str, text: &str) {
        let value = self.fields.get_mut(field).unwrap();
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(text);
    }
}

/// The alerts of a file. A line in another form fails the test.
pub(super) fn alerts(text: &str) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    // The member of the rule, and the field, to which the next lines belong.
    let (mut member, mut field) = (String::new(), String::new());
    for line in text.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.is_empty() || content.starts_with('#') || indent < 6 {
            continue;
        }
        if let (6, Some(name)) = (indent, content.strip_prefix("- alert: ")) {
            alerts.push(Alert {
                name: name.to_owned(),
                fields: BTreeMap::new(),
            });
            continue;
        }
        let alert = alerts.last_mut().expect("an alert");
        let has_members = matches!(member.as_str(), "labels" | "annotations");
        let is_key = indent == 8 || indent == 10 && has_members;
        if !is_key {
            assert!(indent >= 10, "{line}");
            alert.append(&field, content);
            continue;
        }
        let (key, value) = content.split_once(':').expect("a key");
        key.clone_into(&mut field);
        if indent == 8 {
            key.clone_into(&mut member);
        }
        if !matches!(key, "labels" | "annotations") {
            let value = value.trim();
            let is_block = matches!(value, "|" | ">-");
            let value = if is_block { "" } else { value };
            let before = alert.fields.insert(field.clone(), value.to_owned());
            assert!(before.is_none(), "{}: {key} twice", alert.name);
        }
    }
    alerts
}

/// Whether the cases have one in which an alert fires, and one in which it does not.
pub(super) fn has_both_cases(cases: &str, alert: &str) -> bool {
    let named = format!("alertname: {alert}\n");
    let mut cases = cases.split("- eval_time: ");
    let mut any = |fires: bool| {
        cases.any(|case| case.contains(&named) && case.contains("exp_alerts:") == fires)
    };
    // The quiet one comes first.
    any(false) && any(true)
}
