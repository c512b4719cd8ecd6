//! Values in the commands that messages and pages name, as a user can paste them into a shell.

use sluice_storage::location::StoreLocation;

/// A word as a shell reads it.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A lake, a registry or a warehouse as its option gives it.
#[must_use]
pub fn store_option(location: &StoreLocation) -> String {
    match location {
        StoreLocation::Folder(folder) => format!("file:{}", folder.display()),
        StoreLocation::S3 { .. } => location.to_string().trim_end_matches('/').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        assert_eq!(shell_word("file:/a/b-1"), "file:/a/b-1");
        assert_eq!(shell_word("a b'c"), r"'a b'\''c'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn an_option_is_the_location_that_it_gives() {
        for target in ["file:/a/lake", "s3://bucket/lake", "s3://bucket"] {
            let location = crate::config::parse_store("lake", target).unwrap();
            assert_eq!(store_option(&location), target);
        }
    }
}
