//! The types of events that the newest chunks have.

use maud::{Markup, html};

use super::chunks::PARTITIONS_MAX;
use super::event_type::PartitionType;
use super::recent::{EventCounts, RecentLake, RecentType};
use crate::console::components::{
    bytes, count, empty, facts, pager, problem, rows_of_page, short, table, time_ms,
};
use crate::console::page::{PageError, PageRequest};
use crate::console::payload::inert;
use crate::output::counted;

/// The types of events.
pub(super) fn types(lake: &RecentLake, request: &PageRequest) -> Markup {
    if lake.chunks.chunks.is_empty() && lake.chunks.problems.is_empty() {
        return empty(
            "No chunk is committed in the lake yet.",
            "Start `sluice run` with this lake, or start the console with --lake and the one that you mean.",
        );
    }
    html! {
        (which_chunks(lake))
        @if lake.types.is_empty() {
            (empty(
                "No chunk that was read has events in the lake.",
                "When a run has committed a chunk with events, they are here."
            ))
        } @else {
            (table_of_types(rows_of_page(request, &lake.types)))
            (pager(request, lake.types.len()))
        }
    }
}

/// From which chunks the figures are.
fn which_chunks(lake: &RecentLake) -> Markup {
    let chunks = counted(lake.chunks.chunks.len() as u64, "committed chunk");
    html! {
        p {
            @if lake.chunks.are_all {
                "These figures are those of all " (chunks) " of the lake."
            } @else {
                "These figures are those of the newest " (chunks) ", of the "
                (counted(lake.chunks.shards as u64, "shard")) " whose ledgers changed last. The lake has more."
            }
            @if lake.further_objects > 0 {
                " " (counted(lake.further_objects as u64, "object"))
                " of chunks with more than " (count(PARTITIONS_MAX as u64)) " partitions are not counted."
            }
        }
        @for why in &lake.chunks.problems {
            (problem(why))
        }
    }
}

fn table_of_types(types: &[RecentType]) -> Markup {
    let rows = types.iter().map(|of_type| {
        let mut row = vec![
            html! { a href=(of_type.event_type.link()) { (of_type.event_type.text()) } },
            count(of_type.partitions.len() as u64),
        ];
        row.extend(cells(&of_type.counts));
        row.push(schemas(of_type));
        row
    });
    let columns = [
        "Event type",
        "Partitions",
        "Objects",
        "Events",
        "Bytes as lines",
        "Oldest chunk read",
        "Newest chunk",
        "Schema",
    ];
    table(
        "Types of events in the newest chunks",
        &columns,
        &rows.collect::<Vec<_>>(),
    )
}

fn cells(counts: &EventCounts) -> [Markup; 5] {
    [
        count(counts.objects),
        count(counts.events),
        bytes(counts.bytes),
        counts.oldest.map_or_else(Markup::default, time_ms),
        time_ms(counts.newest),
    ]
}

/// The schemas that the chunks of a type pin.
fn schemas(of_type: &RecentType) -> Markup {
    html! {
        @for schema in &of_type.schemas {
            @match schema {
                Some(digest) => { a href={ "/schema?schema=" (digest) } { (short(&digest.to_string())) } " " },
                None => { "lines " },
            }
        }
    }
}

/// One type: what its partitions have, and a link that infers its fields.
///
/// # Errors
/// No chunk that was read has it.
pub(super) fn one(
    lake: &RecentLake,
    wanted: &PartitionType,
    request: &PageRequest,
) -> Result<Markup, PageError> {
    let of_type = find(lake, wanted)?;
    let mut list = vec![("Partitions", count(of_type.partitions.len() as u64))];
    let names = [
        "Objects",
        "Events",
        "Bytes as lines",
        "Oldest chunk read",
        "Newest chunk",
    ];
    list.extend(names.into_iter().zip(cells(&of_type.counts)));
    list.push(("Schema", schemas(of_type)));
    let rows = rows_of_page(request, &of_type.partitions).iter();
    let rows = rows.map(|(partition, counts)| {
        let top = match partition.as_str() {
            "" => "the top of the lake",
            partition => partition,
        };
        let mut row = vec![html! { code { (inert(top)) } }];
        row.extend(cells(counts));
        row
    });
    let columns = [
        "Partition",
        "Objects",
        "Events",
        "Bytes as lines",
        "Oldest chunk read",
        "Newest chunk",
    ];
    Ok(html! {
        (which_chunks(lake))
        (facts(&list))
        h2 { "Fields" }
        p {
            a href={ (wanted.link()) "&infer=1" } { "Infer the fields from a sample" }
            ": this reads one object, of the newest chunk with such events, and the first 1,000 events of it."
        }
        h2 { "Partitions" }
        (table("Partitions with events of the type, the newest first", &columns, &rows.collect::<Vec<_>>()))
        (pager(request, of_type.partitions.len()))
    })
}

/// The events of a type.
///
/// # Errors
/// No chunk that was read has it.
pub(super) fn find<'a>(
    lake: &'a RecentLake,
    wanted: &PartitionType,
) -> Result<&'a RecentType, PageError> {
    let mut types = lake.types.iter();
    let found = types.find(|of_type| of_type.event_type == *wanted);
    found.ok_or_else(|| {
        let why =
            "No chunk that was read has events of this type. The page Schema lists the types.";
        PageError::NotFound(why.into())
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_lake::TestLake;
    use super::*;

    async fn lake(partitions: &[&str]) -> RecentLake {
        let mut lake = TestLake::new();
        lake.commit("s", partitions, 3, None);
        lake.read(&std::sync::Arc::default()).await
    }

    #[tokio::test]
    async fn types_have_pages_and_their_names_do_nothing() {
        let lake = lake(&["event_type=<script>", "date=2026-01-01", ""]).await;
        let request = PageRequest::parse("/schema");
        let html = types(&lake, &request).into_string();
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("/schema?type=%3Cscript%3E"), "{html}");
        assert!(html.contains("not named by the partition"), "{html}");
        assert!(html.contains("all 1 committed chunk"), "{html}");
        let html = one(&lake, &PartitionType::Unknown, &request).unwrap();
        let html = html.into_string();
        assert!(html.contains("date=2026-01-01"), "{html}");
        assert!(html.contains("the top of the lake"), "{html}");
        assert!(html.contains("/schema?of=unknown&amp;infer=1"), "{html}");
        let other = one(&lake, &PartitionType::Named("other".into()), &request);
        assert!(matches!(other, Err(PageError::NotFound(_))));
    }

    #[tokio::test]
    async fn what_was_not_read_is_said() {
        let mut lake = lake(&["event_type=x"]).await;
        lake.chunks.are_all = false;
        lake.further_objects = 7;
        let html = types(&lake, &PageRequest::parse("/schema")).into_string();
        assert!(html.contains("of the newest 1 committed chunk"), "{html}");
        assert!(html.contains("7 objects of chunks with more"), "{html}");
        let none = types(&RecentLake::default(), &PageRequest::parse("/schema"));
        assert!(none.into_string().contains("No chunk is committed"));
    }
}
