//! Objects that exist with different content, in the lake or in the archive.

use crate::observe::events;
use crate::observe::progress::Progress;
use crate::output::with_causes;
use crate::pipeline::error::PipelineError;
use crate::sink::SinkError;

/// Whether the error is that an object exists with different content.
pub(super) fn is_mismatch(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let sink = match cause.downcast_ref() {
            Some(PipelineError::Sink(sink)) => Some(sink),
            _ => cause.downcast_ref(),
        };
        matches!(
            sink,
            Some(SinkError::Different(_) | SinkError::OtherRecords(_))
        )
    })
}

/// Counts and logs the error if it is that an object exists with different content, which needs an operator.
pub(super) fn report_mismatch(progress: &Progress, shard: &str, error: &anyhow::Error) {
    if is_mismatch(error) {
        progress.found_content_mismatch();
        tracing::error!(
            event = events::CONTENT_MISMATCH,
            shard,
            error = with_causes(error),
            "an object exists with different content, an operator has to resolve this"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_is_recognized_wherever_it_is_in_the_chain() {
        let mismatch = || SinkError::Different("a/b.ndjson".into());
        for error in [
            anyhow::Error::from(mismatch()),
            anyhow::Error::from(PipelineError::from(mismatch())),
            anyhow::Error::from(PipelineError::from(mismatch())).context("shard"),
            anyhow::Error::from(SinkError::OtherRecords("s/1-9.ndjson.zst".into())),
        ] {
            assert!(is_mismatch(&error), "{error:#}");
        }
        assert!(!is_mismatch(&anyhow::anyhow!("a/b.ndjson already exists")));
    }
}
