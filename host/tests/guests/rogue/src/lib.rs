//! A transform that misbehaves on command. As a transform of records and batches, it finds the command in
//! the first word of a record's data, see [`command::execute`], and echoes other data as a JSON object. As a transform of
//! records, it shows the metadata of a record with the data `metadata`. As a
//! transform of fields, it finds the command in the member `command`, see `fields/command.rs`.
//!
//! Configurations such as `{"stamp":"a"}` mark the output of a release, see [`stamp`]. Others make
//! `configure` fail (`{"configure":"trap"}`), or one of the other calls: `{"batch":"wrong_counts"}`, see
//! `batch.rs`, `{"fields":"wrong_counts"}`, see `fields/spoil.rs`, and `{"declare":"read_twice"}`, see
//! `fields/declaration.rs`.

#[cfg(feature = "batch")]
mod batch;
#[cfg(feature = "records")]
mod command;
#[cfg(feature = "fields")]
mod fields;
mod misuse;
mod stamp;
mod text;

mod bindings {
    #[cfg(all(feature = "batch", feature = "fields"))]
    wit_bindgen::generate!({ path: "../../../../wit", world: "transform-all" });
    #[cfg(all(feature = "batch", not(feature = "fields")))]
    wit_bindgen::generate!({ path: "../../../../wit", world: "transform-batch" });
    #[cfg(all(not(feature = "batch"), feature = "fields"))]
    wit_bindgen::generate!({ path: "../../../../wit", world: "transform-fields" });
    #[cfg(not(any(feature = "batch", feature = "fields")))]
    wit_bindgen::generate!({ path: "../../../../wit", world: "transform" });
    use super::Component;
    export!(Component);
}

use bindings::exports::sluice::transform::rules::{Description, Guest as Rules};

struct Component;

impl Rules for Component {
    fn configure(config: String) -> Result<(), String> {
        #[cfg(feature = "batch")]
        batch::configure(&config);
        stamp::configure(&config);
        let has = |text| config.contains(text);
        if has(r#""configure":"trap""#) {
            misuse::trap();
        }
        if has(r#""configure":"loop""#) {
            misuse::run_forever();
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
}

#[cfg(feature = "records")]
mod records {
    use crate::bindings::exports::sluice::transform::records::{
        Event, Guest, Rejection, SourceRecord,
    };
    use crate::{Component, command, stamp};

    impl Guest for Component {
        fn transform(record: SourceRecord) -> Result<Vec<Event>, Rejection> {
            stamp::before(&record.data)?;
            if record.data == b"metadata" {
                return Ok(command::metadata(&record));
            }
            command::execute(&record.data, &record.sequence_number)
        }
    }
}
