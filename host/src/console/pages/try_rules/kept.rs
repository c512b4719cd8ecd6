//! The forms that browsers have sent. The page that follows has one in its address, so that it can be loaded again and be
//! gone back to.

use std::sync::Arc;

use super::form::{PATH, TryForm};
use crate::console::latest::Latest;
use crate::console::page::PageRequest;

/// The most forms that are kept.
const KEPT_MAX: usize = 8;

/// The member of a query that names a form.
const FORM: &str = "form";

/// The forms that were sent last, by their keys.
#[derive(Default)]
pub(super) struct KeptForms(Latest<String, Arc<TryForm>, KEPT_MAX>);

/// The form that an address names.
#[derive(Debug)]
pub(super) enum KeptForm {
    /// It names none.
    None,
    /// It is not kept any more.
    Forgotten,
    Found(Arc<TryForm>),
}

impl KeptForms {
    /// Keeps a form without what its buttons have added, and returns the address of the page with it.
    pub(super) fn keep(&self, form: TryForm) -> String {
        let key = format!("{:016x}", rand::random::<u64>());
        self.0.insert(key.clone(), Arc::new(form.without_buttons()));
        format!("{PATH}?{FORM}={key}")
    }

    /// The form that a request names.
    pub(super) fn find(&self, request: &PageRequest) -> KeptForm {
        match request.get(FORM) {
            None => KeptForm::None,
            Some(key) => {
                let found = self.0.find(|known| known == key);
                found.map_or(KeptForm::Forgotten, KeptForm::Found)
            }
        }
    }
}

/// What is said of a form that is not kept any more.
pub(super) fn forgotten() -> String {
    format!(
        "The form of this address is not kept any more: the console keeps the last {KEPT_MAX} that were sent, until it ends. \
         Fill it in again."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_forms_are_kept_without_their_buttons() {
        let kept = KeptForms::default();
        let find = |address: &str| kept.find(&PageRequest::parse(address));
        let form = TryForm {
            jq: ".a".into(),
            start: "time".into(),
            case: "0:1".into(),
            ..TryForm::default()
        };
        let address = kept.keep(form);
        for _ in 0..2 {
            let KeptForm::Found(found) = find(&address) else {
                panic!("{address}")
            };
            assert_eq!((&*found.jq, &*found.start, &*found.case), (".a", "", ""));
        }
        for _ in 0..KEPT_MAX {
            kept.keep(TryForm::default());
        }
        assert!(matches!(find(&address), KeptForm::Forgotten));
        assert!(matches!(find("/try?reason=a"), KeptForm::None));
    }
}
