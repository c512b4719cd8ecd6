//! How data of a lake or an archive is decoded that no run has decoded.

use clap::ValueEnum;

use super::form::TryForm;
use crate::console::page::PageError;
use crate::ledger::decoding::RecordDecoding;

/// The decoding that a form asks for; `None` for the one that each chunk pins.
///
/// # Errors
/// There is no such encoding or format.
pub(super) fn chosen(form: &TryForm) -> Result<Option<RecordDecoding>, PageError> {
    if form.encoding.is_empty() && form.format.is_empty() {
        return Ok(None);
    }
    Ok(Some(RecordDecoding {
        encoding: parsed(&form.encoding)?,
        format: parsed(&form.format)?,
    }))
}

fn parsed<T: ValueEnum + Default>(name: &str) -> Result<T, PageError> {
    match name {
        "" => Ok(T::default()),
        name => T::from_str(name, false)
            .map_err(|why| PageError::Wrong(format!("The decoding is wrong: {why}."))),
    }
}

/// The names of the values of a setting.
pub(super) fn names<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().map(name).collect()
}

fn name<T: ValueEnum>(value: &T) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A decoding in words.
pub(super) fn words(decoding: RecordDecoding) -> String {
    let RecordDecoding { encoding, format } = decoding;
    format!("encoding {}, format {}", name(&encoding), name(&format))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::decoding::{RecordEncoding, RecordFormat};

    #[test]
    fn a_form_can_name_a_decoding() {
        let form = |encoding: &str, format: &str| TryForm {
            encoding: encoding.into(),
            format: format.into(),
            ..TryForm::default()
        };
        assert!(matches!(chosen(&form("", "")), Ok(None)));
        let lines = chosen(&form("", "lines")).unwrap().unwrap();
        assert_eq!(words(lines), "encoding none, format lines");
        let gzip = chosen(&form("gzip", "")).unwrap().unwrap();
        assert_eq!(gzip.encoding, RecordEncoding::Gzip);
        assert!(chosen(&form("rot13", "")).is_err());
        assert!(names::<RecordFormat>().contains(&"array".to_owned()));
    }
}
