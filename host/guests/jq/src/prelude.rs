//! The filters that are defined in jq.

use jaq_core::load::parse::Def;

/// Definitions of jaq without which a program has to do, because they need native filters that it does not get.
const REFUSED: [&str; 4] = ["debug", "halt", "halt_error", "stderr"];

/// The definitions that a program can use.
pub(crate) fn definitions(_program: &str) -> impl Iterator<Item = Def<&'static str>> {
    let of_jaq = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    of_jaq.filter(|definition| !REFUSED.contains(&definition.name))
}

/// The end of a message about an unknown filter: a filter with a similar name, as a question.
#[cold]
pub(crate) fn suggestion(name: &str) -> Option<String> {
    let known = definitions("").map(|definition| definition.name);
    let known = known.chain(crate::natives::all().map(|(name, ..)| name));
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let closest = known.min_by_key(distance)?;
    let is_close = distance(&closest) <= name.chars().count() / 3;
    is_close.then(|| format!("; did you mean `{closest}`?"))
}
