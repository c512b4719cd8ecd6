//! The sources of a run that failed while others were landed.

use crate::output;

/// The sources that failed so far.
#[derive(Debug, Default)]
pub struct FailedSources {
    /// The number of sources of the run.
    sources: usize,
    errors: Vec<anyhow::Error>,
}

impl FailedSources {
    /// None of this many sources.
    #[must_use]
    pub fn of(sources: usize) -> Self {
        Self {
            sources,
            errors: Vec::new(),
        }
    }

    /// Notes that a source failed, and says so. If it is the only source, the end of the run says it.
    pub fn add(&mut self, error: anyhow::Error) {
        if self.sources > 1 {
            output::error(output::with_causes(&error));
        }
        self.errors.push(error);
    }

    /// Whether all sources were landed.
    ///
    /// # Errors
    /// How many failed, or why the only one did.
    pub fn check(mut self) -> anyhow::Result<()> {
        let failed = self.errors.len();
        match (self.errors.pop(), self.sources) {
            (None, _) => Ok(()),
            (Some(error), 1) => Err(error),
            (Some(_), sources) if sources == failed => Err(anyhow::anyhow!(
                "all {sources} sources failed, as said above"
            )),
            (Some(_), sources) => Err(anyhow::anyhow!(
                "{failed} of {sources} sources failed, as said above; the others were landed"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_source_fails_with_its_own_error_and_several_are_counted() {
        let end = |sources, errors: &[&'static str]| {
            let mut failed = FailedSources::of(sources);
            for error in errors {
                failed.add(anyhow::anyhow!(*error));
            }
            failed.check().map_err(|error| error.to_string())
        };
        assert_eq!(end(2, &[]), Ok(()));
        assert_eq!(end(1, &["a is gone"]), Err("a is gone".into()));
        let several = end(3, &["a is gone", "b is gone"]).unwrap_err();
        assert!(several.starts_with("2 of 3 sources failed"), "{several}");
        let all = end(2, &["a is gone", "b is gone"]).unwrap_err();
        assert!(all.starts_with("all 2 sources failed"), "{all}");
    }
}
