//! The host's part of a call by fields with a native function in place of a component: what the sandbox is compared
//! with.

use crate::bindings::exports::sluice::transform::fields::{Declaration, EditBatch, FieldBatch};
use crate::fields::{Declared, ScannedBatch};
use crate::limits::Limits;
use crate::outcome::Transformed;
use crate::output_validation::OutputValidator;
use crate::record::Batch;

/// A native function that takes fields and returns edits.
pub struct NativeFields {
    declared: Declared,
    limits: Limits,
}

impl NativeFields {
    /// What the function declares.
    ///
    /// # Errors
    /// Which rule of the contract the declaration breaks.
    pub fn new(declaration: Declaration, limits: Limits) -> Result<Self, String> {
        Ok(Self {
            declared: Declared::new(declaration)?,
            limits,
        })
    }

    /// Transforms a batch in one call of `transform`, with all checks of the sandbox.
    ///
    /// # Errors
    /// Why the lists of its output do not fit together.
    pub fn run(
        &self,
        batch: &Batch,
        transform: impl FnOnce(FieldBatch<'_>) -> EditBatch,
    ) -> Result<Transformed, String> {
        let scanned = ScannedBatch::new(batch, &self.declared, &self.limits);
        let mut validator = OutputValidator::new(&self.limits, batch.len());
        validator.reserve(scanned.len(), scanned.likely_output_bytes());
        let objects = 0..scanned.len();
        let output = scanned.with_fields(objects.clone(), transform);
        validator.add_edits(&scanned, objects, &output)?;
        validator.reject_before(&scanned, u32::MAX);
        Ok(validator.finish())
    }
}
