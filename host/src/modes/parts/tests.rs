use sluice_engine::record::Bounds;
use sluice_storage::folder::FolderStore;

use super::*;
use crate::config::ConfigError;

fn planner(folder: &Path, number: u32) -> Planner {
    Planner {
        part: Part::new(number, 2).unwrap(),
        replay: PlannedReplay {
            parts: 2,
            bounds: Bounds::default(),
            source: vec!["file:/in".into()],
            stream_created_at: None,
        },
        store: Arc::new(FolderStore::shared(folder.to_owned())),
    }
}

fn units(names: &[&str]) -> Units {
    let units = names.iter().zip((0..10).rev());
    let units = units.map(|(name, weight)| Unit::new((*name).to_owned(), weight));
    units.collect::<Vec<_>>().into()
}

fn selected(plan: &PartPlan, listed: &[&str]) -> Selected<String> {
    let listed = listed.iter().map(|name| (*name).to_owned()).collect();
    plan.select(listed, String::clone)
}

#[tokio::test]
async fn the_first_plan_holds_for_all_parts() {
    let folder = tempfile::tempdir().unwrap();
    let first = planner(folder.path(), 1)
        .create(units(&["a", "b", "c"]))
        .await
        .unwrap();
    // The second part has listed another file before the plan was there.
    let second = planner(folder.path(), 2)
        .create(units(&["0", "a", "b", "c"]))
        .await
        .unwrap();
    let again = planner(folder.path(), 1).read().await.unwrap().unwrap();
    for plan in [&first, &again] {
        assert_eq!(selected(plan, &["0", "a", "b", "c"]).mine, ["a"]);
    }
    let second = selected(&second, &["0", "a", "b", "c"]);
    assert_eq!(
        (second.mine, second.unplanned),
        (vec!["b".into(), "c".into()], vec!["0".into()])
    );
}

#[tokio::test]
async fn what_is_planned_and_gone_is_named_by_its_part_only() {
    let folder = tempfile::tempdir().unwrap();
    let first = planner(folder.path(), 1)
        .create(units(&["a", "b", "c"]))
        .await
        .unwrap();
    let second = planner(folder.path(), 2).read().await.unwrap().unwrap();
    assert_eq!(selected(&first, &["a", "b"]).missing, Vec::<String>::new());
    let second = selected(&second, &["a", "b"]);
    assert_eq!(
        (second.mine, second.missing),
        (vec!["b".into()], vec!["c".into()])
    );
}

#[tokio::test]
async fn a_plan_is_not_made_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let planner = planner(folder.path(), 1);
    let error = planner.create(Units::default()).await.unwrap_err();
    assert!(error.to_string().contains("nothing to replay"), "{error}");
    assert!(planner.read().await.unwrap().is_none());
}

#[tokio::test]
async fn a_damaged_plan_stops_the_part_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let planner = planner(folder.path(), 1);
    planner.create(units(&["a", "b"])).await.unwrap();
    let path = folder.path().join(PLAN);
    let text = std::fs::read_to_string(&path).unwrap();
    for (damaged, part) in [
        (text.replace("0 b", "0 a"), "in the parts 1 and 2"),
        (text[..30].to_owned(), "damaged"),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = format!("{:#}", planner.read().await.unwrap_err());
        assert!(
            error.contains(part) && error.contains("parts.json"),
            "{error}"
        );
    }
}

#[test]
fn a_source_has_the_same_text_wherever_a_part_is_started() {
    let text = |path: &str| location_text(&Location::File(path.into()));
    let here = std::env::current_dir().unwrap();
    assert_eq!(text("in/*.gz"), format!("file:{}/in/*.gz", here.display()));
    assert_eq!(text("./in"), text("in"));
    assert_eq!(text("/in"), "file:/in");
    let no_stream = |_: &str| Err(ConfigError::new("source", "a stream"));
    let archive = |target: &str| {
        let source = format!("archive:{target}");
        source_text(&Mode::parse(&[source], no_stream).unwrap())
    };
    let elsewhere = format!("file:{}", here.join("in").display());
    assert_eq!(archive("file:in"), archive(&elsewhere));
    assert_eq!(archive("s3://bucket/in"), ["archive:s3://bucket/in/"]);
}
