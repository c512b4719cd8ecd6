//! Suggests what a wrong name or value was meant to be.

use strsim::damerau_levenshtein;

/// The word that `given` was probably meant to be: the closest one, if a third of the letters or fewer
/// differ, or one of two as in `jg` for `jq`. Case does not matter.
pub(super) fn closest<'a>(
    given: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let given = given.to_lowercase();
    let (distance, word) = words
        .into_iter()
        .map(|word| (damerau_levenshtein(&given, &word.to_lowercase()), word))
        .min()?;
    let letters = given.chars().count().max(word.chars().count());
    let most = (letters / 3).max(usize::from(letters == 2));
    (distance <= most).then_some(word)
}

/// The end of a message: the closest word as a question, or nothing if none is close.
pub(super) fn did_you_mean<'a>(
    given: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    closest(given, words).map(ask)
}

/// The end of a message that asks whether `word` was meant.
pub(super) fn ask(word: impl std::fmt::Display) -> String {
    format!("; did you mean `{word}`?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognized_and_another_word_is_not() {
        let words = ["none", "gzip", "zstd", "limits.fuel", "limits.time"];
        for (given, meant) in [
            ("zsdt", Some("zstd")),
            ("GZIP", Some("gzip")),
            ("limits.feul", Some("limits.fuel")),
            ("limit.time", Some("limits.time")),
            ("lz4", None),
            ("fuel", None),
            ("", None),
        ] {
            assert_eq!(closest(given, words), meant, "{given}");
        }
        assert_eq!(closest("x", []), None);
        for (given, meant) in [("jg", Some("jq")), ("q", Some("jq")), ("ja", Some("jq"))] {
            assert_eq!(closest(given, ["copy", "jq"]), meant, "{given}");
        }
        for other in ["", "x", "gj", "id", "jqx1"] {
            assert_eq!(closest(other, ["copy", "jq"]), None, "{other}");
        }
    }

    #[test]
    fn a_suggestion_is_a_question() {
        let question = did_you_mean("nnoe", ["none"]);
        assert_eq!(question.as_deref(), Some("; did you mean `none`?"));
    }
}
