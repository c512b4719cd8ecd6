//! The text format of `/metrics`: the samples of "`OpenMetrics` 1.0" without their timestamps and exemplars.

/// The line that ends the text, so that one that was cut is not taken for a whole one.
const END: &str = "# EOF";

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MetricSample<'a> {
    /// The name with its suffix, such as `sluice_events_total`.
    pub(super) name: &'a str,
    labels: Vec<(&'a str, String)>,
    pub(super) value: f64,
}

impl MetricSample<'_> {
    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let mut labels = self.labels.iter();
        let label = labels.find(|(label, _)| *label == name);
        label.map(|(_, value)| value.as_str())
    }
}

/// The samples of a text.
///
/// # Errors
/// A text that is cut, and the line that is no sample.
pub(super) fn samples(text: &str) -> Result<Vec<MetricSample<'_>>, String> {
    let mut samples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line == END {
            return Ok(samples);
        }
        if line.starts_with('#') {
            continue;
        }
        let sample = sample(line)
            .ok_or_else(|| format!("line {} is no sample of OpenMetrics", index + 1))?;
        samples.push(sample);
    }
    Err(format!("it does not end with {END:?}; it was cut"))
}

fn sample(line: &str) -> Option<MetricSample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut values = rest.strip_prefix(' ')?.split(' ');
    let value = values.next()?.parse().ok()?;
    let is_named = !name.is_empty();
    is_named.then_some(MetricSample {
        name,
        labels,
        value,
    })
}

/// The labels up to `}`, and what follows it.
fn labels(mut text: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.push((name, value));
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// A text up to the quote that ends it, and what follows. A backslash escapes a quote, itself and a line end.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn what_the_library_writes_is_read() {
        let mut registry = Registry::default();
        let counter = Family::<Vec<(String, String)>, Counter>::default();
        let strange = "a\"b\\c\nd}e,f=\"g";
        let labels = vec![
            ("reason".to_owned(), strange.to_owned()),
            ("b".to_owned(), String::new()),
        ];
        counter.get_or_create(&labels).inc_by(3);
        registry.register("strange", "Its help has a { and a }", counter);
        let gauge = Gauge::<i64>::default();
        gauge.set(-4);
        registry.register("plain", "A gauge", gauge);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let samples = samples(&text).unwrap();
        assert_eq!(samples.len(), 2, "{text}");
        assert_eq!((samples[0].name, samples[0].value), ("strange_total", 3.0));
        assert_eq!(samples[0].label("reason"), Some(strange));
        assert_eq!(
            (samples[0].label("b"), samples[0].label("c")),
            (Some(""), None)
        );
        assert_eq!((samples[1].name, samples[1].value), ("plain", -4.0));
    }

    #[test]
    fn timestamps_and_exemplars_are_left_out() {
        let text = "a_bucket{le=\"+Inf\"} 1.5e3 1700000000.5 # {id=\"x\"} 1\nb +Inf\n# EOF\n";
        let samples = samples(text).unwrap();
        assert_eq!(
            (samples[0].value, samples[0].label("le")),
            (1_500.0, Some("+Inf"))
        );
        assert_eq!(samples[1].value, f64::INFINITY);
    }

    #[test]
    fn what_is_no_sample_is_an_error() {
        for wrong in [
            "a",
            "a b",
            "{a=\"b\"} 1",
            "a{b=\"c} 1",
            "a{b} 1",
            "a{b=\"c\\",
            "<html>",
        ] {
            let text = format!("good 1\n{wrong}\n# EOF\n");
            let error = samples(&text).unwrap_err();
            assert!(error.contains("line 2"), "{wrong}: {error}");
        }
        assert!(samples("good 1\n").unwrap_err().contains("cut"));
    }
}
