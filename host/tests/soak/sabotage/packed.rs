//! Violations of packed messages.

use testkit::sqs::{Content, Message};

use super::{Delivered, PACKED};
use crate::support::packs::{Pack, PackedEvent};

/// The message without its last event.
fn without_last(message: &Message) -> Message {
    let mut pack = Pack::of(message).unwrap();
    pack.events.pop();
    let text = |event: &PackedEvent| {
        let (rid, number, body) = (&event.rid, event.event, event.body.get());
        format!(r#"{{"rid":"{rid}","event":{number},"body":{body}}}"#)
    };
    let events: Vec<_> = pack.events.iter().map(text).collect();
    let (count, last) = (events.len(), &pack.events.last().unwrap().rid);
    let Pack {
        partition,
        release,
        first,
        ..
    } = &pack;
    let mut fewer = message.clone();
    fewer.body = format!(
        r#"{{"partition":"{partition}","release":"{release}","count":{count},"first":"{first}","last":"{last}","events":[{}]}}"#,
        events.join(",")
    );
    let attribute = fewer.attributes.get_mut("count").unwrap();
    attribute.content = Content::Text(count.to_string());
    fewer
}

#[test]
fn a_packed_message_that_was_changed_or_packed_otherwise_is_noticed() {
    let delivered = Delivered::new(PACKED);
    let messages = &delivered.messages;
    assert!(delivered.takes(messages));
    let packs: Vec<_> = messages.iter().map(|m| Pack::of(m).unwrap()).collect();
    let chosen = packs.iter().position(|pack| pack.count > 1).unwrap();
    let takes_with = |body: String| {
        let mut changed = messages.clone();
        changed[chosen].body = body;
        delivered.takes(&changed)
    };
    let body = &messages[chosen].body;
    assert!(takes_with(body.clone()));
    let amount = body.replacen("\"amount\":", "\"amount\":1", 1);
    assert!(!takes_with(amount), "another event");
    let (rid, last) = (&packs[chosen].first, &packs[chosen].last);
    let other = body.replace(rid.as_str(), last);
    assert!(!takes_with(other), "the id of another record");

    let fewer = without_last(&messages[chosen]);
    let mut alone = messages.clone();
    alone[chosen] = fewer.clone();
    assert!(delivered.takes(&alone), "other packs from the start");
    let mut again = messages.clone();
    again.push(messages[chosen].clone());
    assert!(delivered.takes(&again), "a repetition");
    again.push(fewer.clone());
    assert!(!delivered.takes(&again), "a repetition with fewer events");
    let mut before = vec![fewer];
    before.extend(messages.iter().cloned());
    assert!(
        !delivered.takes(&before),
        "one with more events than before"
    );
}
