//! Transform configurations, validated against a component's own schema.

use sluice_engine::schema::{SchemaError, check};
use sluice_release::bundle::ReleaseBundle;

/// Longer schemas are skipped, because they are only slower.
const INPUT_MAX_BYTES: usize = 2_048;

/// Two texts: a schema and a configuration. A validation ends, does not panic, and explains its
/// error. Equal configurations have one canonical form.
pub(crate) fn feed(input: &[u8]) {
    let Some((schema, config)) = crate::two_texts(input) else {
        return;
    };
    if input.len() > INPUT_MAX_BYTES {
        return;
    }
    match check(schema, config) {
        Err(SchemaError::Unusable(why) | SchemaError::TransformConfig(why)) => {
            assert!(!why.is_empty());
        }
        Err(SchemaError::Panicked) => panic!("the validation panicked"),
        Ok(()) | Err(SchemaError::Timeout) => {}
    }
    if let Ok(bundle) = ReleaseBundle::new(Vec::new(), config) {
        let again = ReleaseBundle::new(Vec::new(), bundle.transform_config());
        let id = again.map(|again| again.manifest().id());
        assert_eq!(id, Ok(bundle.manifest().id()), "written in two ways");
    }
}
