//! Where a lake keeps the lists and the claims of redrives.

use crate::layout::object_key::{METADATA_FOLDER, ParsedKey};

/// The folder of the lists in the lake.
pub const LISTS: &str = "_sluice/redrives/";

/// The folder of the claims, below that of the lists.
pub const CLAIMS: &str = "claims/";

/// The key in the lake of the claim of an object of quarantine; `None` for any other object.
#[must_use]
pub fn claim_key(object: &str) -> Option<String> {
    let parsed = ParsedKey::parse(object)?;
    let folder = parsed.folder.strip_prefix(METADATA_FOLDER)?;
    let reason = folder.strip_prefix("/quarantine/")?;
    let stem = parsed.chunk.stem(&parsed.shard);
    Some(format!("{LISTS}{CLAIMS}{reason}/{stem}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "_sluice/quarantine/reason=trap/\
                          s-00000000000000000001-00000000000000000009-0123abcd.ndjson.zst";

    #[test]
    fn a_claim_has_the_name_of_its_object() {
        assert_eq!(
            claim_key(OBJECT).unwrap(),
            "_sluice/redrives/claims/reason=trap/s-00000000000000000001-00000000000000000009-0123abcd.json"
        );
        assert_eq!(claim_key(&OBJECT.replace("_sluice/quarantine/", "")), None);
        assert_eq!(claim_key("_sluice/quarantine/reason=trap/notes.txt"), None);
    }
}
