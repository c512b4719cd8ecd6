//! Configurations by which releases of this transform can be told apart, and by which one does worse
//! than another. Records are told apart by the number that they end with, `n`.
//!
//! - `{"stamp":"a"}`: echoes say so.
//! - `{"changes":1000}`: the stamp is another one where `n` can be divided by that.
//! - `{"traps":20}`, `{"rejects":20}`: so with traps and rejections.
//! - `{"turns":100000}`: works so long on each record.

use std::cell::RefCell;
use std::hint::black_box;

use crate::bindings::exports::sluice::transform::rules::Rejection;

thread_local! {
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
}

pub fn configure(config: &str) {
    CONFIG.with_borrow_mut(|kept| config.clone_into(kept));
}

/// The text or the digits behind a key, so far as that is needed here.
fn setting(key: &str) -> Option<String> {
    CONFIG.with_borrow(|config| {
        let (_, rest) = config.split_once(&format!("\"{key}\":"))?;
        let value = rest.trim_start_matches('"');
        let end = value.find(['"', ',', '}'])?;
        Some(value[..end].to_owned())
    })
}

/// Whether the number at the end of a record can be divided by that of a setting.
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
        crate::command::trap();
    }
    if is_hit("rejects", &record) {
        return Err(Rejection {
            code: "not_wanted".into(),
            message: "by its configuration".into(),
        });
    }
    Ok(())
}

pub fn of(record: &str) -> String {
    match setting("stamp") {
        Some(stamp) if is_hit("changes", record) => format!(",\"stamp\":\"{stamp}, changed\""),
        Some(stamp) => format!(",\"stamp\":\"{stamp}\""),
        None => String::new(),
    }
}
