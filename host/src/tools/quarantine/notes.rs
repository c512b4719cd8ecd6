//! What commands say on standard error: what is left out, and what cannot be read.

use serde_json::{Value, json};
use sluice_engine::sanitize::escape;

use crate::output::{self, counted};
use crate::quarantine::{LeftOut, ListProblem, Quarantine, QuarantineFilter, QuarantineList};

/// Says what a filter could take, if it takes nothing: it may be misspelt.
///
/// # Errors
/// The lake cannot be read.
pub(super) async fn of_filter(
    quarantine: &Quarantine,
    filter: &QuarantineFilter,
    list: &QuarantineList,
) -> anyhow::Result<()> {
    if !list.objects.is_empty() || *filter == QuarantineFilter::default() {
        return Ok(());
    }
    if let Some(present) = quarantine.present(|_| true).await? {
        output::message(format_args!(
            "sluice: the flags name nothing that is or was quarantined; {}",
            escape(&present)
        ));
    }
    Ok(())
}

/// Says what is left out.
pub(super) fn left_out(quarantine: &Quarantine, left_out: &LeftOut) {
    for message in left_out.messages(quarantine.store().as_ref()) {
        output::message(format_args!("sluice: {}", escape(&message)));
    }
}

/// What is left out, for scripts: the number of files of each kind.
pub(super) fn left_out_json(left_out: &LeftOut) -> Value {
    json!({
        "not_committed": left_out.not_committed.count,
        "given_up": left_out.given_up.count,
        "without_manifest": left_out.without_manifest.count,
        "not_named": left_out.not_named.count,
        "unrecognized": left_out.unrecognized.count,
        "without_times": left_out.without_times.count,
    })
}

/// Names what cannot be read.
///
/// # Errors
/// There is something, so what was printed is not complete.
pub(super) fn problems(problems: &[ListProblem]) -> anyhow::Result<()> {
    for problem in problems {
        output::error(problem);
    }
    let objects: u64 = problems.iter().map(|problem| problem.objects).sum();
    let verb = if objects == 1 { "is" } else { "are" };
    anyhow::ensure!(
        problems.is_empty(),
        "{} cannot be used, and {} of quarantine {verb} left out because of that; `sluice audit` names all that is wrong \
         with a lake",
        counted(problems.len() as u64, "file"),
        counted(objects, "object")
    );
    Ok(())
}
