//! Configurations that mark the output of a release, or make one release worse than another. They
//! depend on the number at the end of a record, or on its member `n`.
//!
//! - `{"stamp":"a"}`: echoes contain the stamp.
//! - `{"changes":1000}`: the stamp differs if `n` is a multiple of that.
//! - `{"traps":20}`, `{"rejects":20}`: the same for traps and rejections.
//! - `{"turns":100000}`: this many turns of a loop for each record.

use std::cell::RefCell;
use std::hint::black_box;

use crate::bindings::exports::sluice::transform::rules::Rejection;

thread_local! {
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
}

pub fn configure(config: &str) {
    CONFIG.with_borrow_mut(|kept| config.clone_into(kept));
}

/// The text or the digits after a key.
pub fn setting(key: &str) -> Option<String> {
    CONFIG.with_borrow(|config| {
        let (_, rest) = config.split_once(&format!("\"{key}\":"))?;
        let value = rest.trim_start_matches('"');
        let end = value.find(['"', ',', '}'])?;
        Some(value[..end].to_owned())
    })
}

/// Whether the number at the end of a record is a multiple of the value of a setting.
fn is_hit(key: &str, record: &str) -> bool {
    let Some(every) = setting(key).and_then(|value| value.parse::<u64>().ok()) else {
        return false;
    };
    let digits = record.rsplit(|c: char| !c.is_ascii_digit()).next();
    let number = digits.and_then(|digits| digits.parse::<u64>().ok());
    number.is_some_and(|number| number % every == 0)
}

pub fn before(data: &[u8]) -> Result<(), Rejection> {
    let record = String::from_utf8_lossy(data);
    let turns = setting("turns").and_then(|turns| turns.parse().ok());
    (0..turns.unwrap_or(0_u64)).for_each(|turn| drop(black_box(turn)));
    if is_hit("traps", &record) {
        crate::misuse::trap();
    }
    if is_hit("rejects", &record) {
        return Err(Rejection {
            code: "not_wanted".into(),
            message: "by its configuration".into(),
        });
    }
    Ok(())
}

#[cfg(feature = "records")]
pub fn of(record: &str) -> String {
    match setting("stamp") {
        Some(stamp) if is_hit("changes", record) => format!(",\"stamp\":\"{stamp}, changed\""),
        Some(stamp) => format!(",\"stamp\":\"{stamp}\""),
        None => String::new(),
    }
}
