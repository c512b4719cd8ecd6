//! Events, inferred into a schema, mapped to it, and put together again.

use sluice_schema::{Inference, Mapper, Schema, evolve, is_same_event};

/// Longer inputs are skipped: they are slower, and can have more paths than an inference tells apart.
const INPUT_MAX_BYTES: usize = 8_192;

/// The document of a schema, and events, one a line. No value is lost: neither with this schema, nor with one that is
/// inferred from the first half of the events, nor with both together.
pub(crate) fn feed(input: &[u8]) {
    let Some((document, events)) = crate::two_texts(input) else {
        return;
    };
    if input.len() > INPUT_MAX_BYTES {
        return;
    }
    let events: Vec<_> = events.lines().map(str::as_bytes).collect();
    let inferred = infer(&events[..events.len() / 2]);
    check(&inferred, &events);
    if let Ok(given) = Schema::parse(document.as_bytes()) {
        assert_eq!(
            Schema::parse(given.document().as_bytes()).as_ref(),
            Ok(&given)
        );
        check(&given, &events);
        if let Ok(evolution) = evolve(&given, &inferred) {
            check(&evolution.schema, &events);
        }
    }
}

/// Infers a schema, which is the same if other events are inferred at the same time.
fn infer(events: &[&[u8]]) -> Schema {
    let mut whole = Inference::default();
    let mut halves = [Inference::default(), Inference::default()];
    for (number, event) in events.iter().enumerate() {
        let added = whole.add(event, None);
        let half = usize::from(number >= events.len() / 2);
        assert_eq!(halves[half].add(event, None), added);
    }
    let [mut first, second] = halves;
    first.merge(second);
    let schema = whole.schema();
    assert_eq!(first.schema(), schema);
    assert_eq!(
        Schema::parse(schema.document().as_bytes()).as_ref(),
        Ok(&schema)
    );
    schema
}

fn check(schema: &Schema, events: &[&[u8]]) {
    let mapper = Mapper::new(schema);
    for event in events {
        let Ok(row) = mapper.map(event) else {
            continue;
        };
        let again = mapper.assemble(&row.values, row.rest.as_deref()).unwrap();
        assert!(is_same_event(event, again.as_bytes()), "{again}");
        assert_eq!(row.rest.is_some(), !row.unmapped.is_empty());
    }
}
