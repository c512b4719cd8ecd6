//! A transform that misbehaves on command: the first word of a record's data is the command, see
//! [`command::execute`]. Other data is echoed as a JSON object.
//!
//! Configurations such as `{"stamp":"a"}` mark the output of a release, see [`stamp`]. Others make
//! `configure` fail (`{"configure":"trap"}`) or, with the feature `batch`, the batch call
//! (`{"batch":"wrong_counts"}`, see `batch.rs`).

#[cfg(feature = "batch")]
mod batch;
mod command;
mod stamp;

mod bindings {
    #[cfg(feature = "batch")]
    wit_bindgen::generate!({ path: "../../../../wit", world: "transform-batch" });
    #[cfg(not(feature = "batch"))]
    wit_bindgen::generate!({ path: "../../../../wit", world: "transform" });
    use super::Component;
    export!(Component);
}

use bindings::exports::sluice::transform::rules::{
    Description, Event, Guest, Rejection, SourceRecord,
};

struct Component;

impl Guest for Component {
    fn configure(config: String) -> Result<(), String> {
        #[cfg(feature = "batch")]
        batch::configure(&config);
        stamp::configure(&config);
        let has = |text| config.contains(text);
        if has(r#""configure":"trap""#) {
            command::trap();
        }
        if has(r#""configure":"loop""#) {
            command::run_forever();
        }
        if has(r#""configure":"reject""#) {
            return Err("colour: expected red or blue".into());
        }
        Ok(())
    }

    fn describe() -> Description {
        Description {
            name: "rogue".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Misbehaves on command".into(),
            config_schema: "{}".into(),
        }
    }

    fn transform(record: SourceRecord) -> Result<Vec<Event>, Rejection> {
        stamp::before(&record.data)?;
        command::execute(&record.data, &record.sequence_number)
    }
}
