//! The tree of parents and children: which shards of a stream were split and merged into which.

use std::collections::BTreeMap;

use maud::{Markup, html};
use sluice_engine::record::ShardId;

use super::rows::{Row, ShardState};
use crate::console::components::{badge, empty, of, shard_link};
use crate::console::payload::inert;
use crate::console::stream::StreamShard;

/// The most shards in the tree. The list has all.
const SHARDS_MAX: usize = 1_000;

/// The most levels of the tree.
const LEVELS_MAX: usize = 50;

/// How to learn of the tree.
const ADVICE: &str =
    "Start the console with --source kinesis:STREAM, which lists the shards of the stream.";

/// What the page says instead of the tree if no stream is given.
pub(super) fn unknown() -> Markup {
    empty("Parents and children are not known.", ADVICE)
}

/// What the list says if no stream is given.
pub(super) fn note() -> Markup {
    html! { p.dim { "Parents and children are not known. " (ADVICE) } }
}

/// The shards of a stream by their parents.
struct Tree<'a> {
    shards: BTreeMap<&'a ShardId, &'a StreamShard>,
    children: BTreeMap<&'a ShardId, Vec<&'a StreamShard>>,
    states: BTreeMap<&'a str, ShardState>,
}

impl<'a> Tree<'a> {
    fn new(stream: &'a [StreamShard], rows: &[Row<'a>]) -> Self {
        let mut tree = Self {
            shards: stream.iter().map(|shard| (&shard.id, shard)).collect(),
            children: BTreeMap::new(),
            states: rows.iter().map(|row| (row.id, row.state)).collect(),
        };
        for shard in stream {
            if let Some(parent) = tree.place(shard) {
                tree.children.entry(parent).or_default().push(shard);
            }
        }
        tree
    }

    /// The parent below which a shard is shown: the first one that the stream still has.
    fn place(&self, shard: &'a StreamShard) -> Option<&'a ShardId> {
        let mut parents = shard.parents.iter();
        parents.find(|parent| self.shards.contains_key(parent))
    }

    fn children(&self, shard: &StreamShard) -> &[&'a StreamShard] {
        self.children.get(&shard.id).map_or(&[][..], Vec::as_slice)
    }

    /// How many shards are below one, and how many of them are open.
    fn below(&self, shard: &'a StreamShard) -> (u64, u64) {
        let (mut all, mut open) = (0, 0);
        let mut left = vec![shard];
        while let Some(shard) = left.pop() {
            let children = self.children(shard);
            all += children.len() as u64;
            open += children.iter().filter(|child| !child.is_closed).count() as u64;
            left.extend(children);
        }
        (all, open)
    }

    /// A shard, and those below it. `room` is how many more may be shown.
    fn node(&self, shard: &'a StreamShard, level: usize, room: &mut usize) -> Markup {
        *room = room.saturating_sub(1);
        let children = self.children(shard);
        if children.is_empty() {
            return self.label(shard);
        }
        let (all, open) = self.below(shard);
        html! {
            details id={ "tree-" (shard.id) } {
                summary { (self.label(shard)) " " span.dim { (of(open, all)) " below it open" } }
                @if level < LEVELS_MAX {
                    (self.nodes(children, level + 1, room))
                } @else {
                    p.dim { "The shards below it are in the list." }
                }
            }
        }
    }

    fn nodes(&self, shards: &[&'a StreamShard], level: usize, room: &mut usize) -> Markup {
        html! {
            ul {
                @for shard in shards {
                    @if *room > 0 { li { (self.node(shard, level, room)) } }
                }
            }
        }
    }

    fn label(&self, shard: &'a StreamShard) -> Markup {
        let state = self.states.get(shard.id.as_str()).copied();
        let state = state.unwrap_or(ShardState::NotBegun);
        let place = self.place(shard);
        let others = shard.parents.iter().filter(|parent| Some(*parent) != place);
        html! {
            (shard_link(shard.id.as_str())) " "
            (badge(state.tone(), state.words()))
            @if shard.is_closed { span.dim { " closed" } }
            @for parent in others { span.dim { " also a child of " (inert(parent.as_str())) } }
        }
    }
}

/// The tree. A shard that has children is closed, and shows them when it is opened.
pub(super) fn tree(stream: &[StreamShard], rows: &[Row<'_>]) -> Markup {
    if stream.is_empty() {
        return Markup::default();
    }
    let tree = Tree::new(stream, rows);
    let roots = stream.iter().filter(|shard| tree.place(shard).is_none());
    let roots: Vec<_> = roots.collect();
    let mut room = SHARDS_MAX;
    let nodes = tree.nodes(&roots, 1, &mut room);
    html! {
        div.tree { (nodes) }
        @if stream.len() > SHARDS_MAX {
            p {
                "The tree has the first " (SHARDS_MAX) " of " (stream.len()) " shards. The "
                a href="/shards" { "list" } " has all."
            }
        }
        p.dim { "A shard that the stream no longer has is in the list only." }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{committed, now, stream_shard};
    use super::super::rows::{RowSources, rows};
    use super::*;

    fn shown(stream: &[StreamShard]) -> String {
        let ledgers = [committed("s-1").finish().unwrap()];
        let sources = RowSources {
            ledgers: &ledgers,
            pending_since: &BTreeMap::new(),
            workers: &[],
            stream,
            now: now(),
        };
        tree(stream, &rows(&sources)).into_string()
    }

    #[test]
    fn children_are_below_their_parents() {
        let html = shown(&[
            stream_shard("s-1", &["s-0"], true),
            stream_shard("s-2", &["s-1"], true),
            stream_shard("s-3", &["s-1"], true),
            stream_shard("s-4", &["s-2", "s-3"], false),
        ]);
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text}: {html}"));
        assert!(place("id=\"tree-s-1\"") < place("id=\"tree-s-2\""));
        assert!(place("id=\"tree-s-2\"") < place("id=s-4"));
        assert!(place("finished") < place("not begun"));
        assert!(
            html.contains("1 of 3") && html.contains("also a child of s-3"),
            "{html}"
        );
        assert_eq!(html.matches("/shard?id=s-4").count(), 1);
    }

    #[test]
    fn a_large_tree_is_cut() {
        let one = |n: usize| stream_shard(&format!("s-{n}"), &[], false);
        let html = shown(&(0..SHARDS_MAX + 5).map(one).collect::<Vec<_>>());
        assert_eq!(html.matches("/shard?id=").count(), SHARDS_MAX);
        assert!(html.contains("the first 1000 of 1005"), "{html}");
    }

    #[test]
    fn a_deep_tree_has_an_end() {
        let link = |n: usize| {
            let parent = format!("s-{}", n.saturating_sub(1));
            let parents = [parent.as_str()];
            stream_shard(&format!("s-{n}"), &parents[..n.min(1)], true)
        };
        let html = shown(&(0..500).map(link).collect::<Vec<_>>());
        assert_eq!(html.matches("<details").count(), LEVELS_MAX);
        assert!(html.contains("are in the list"), "{html}");
    }
}
