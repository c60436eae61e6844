//! JSON lines.

use dask_core::{Collection, PartitionSource, RunContext, Want};
use dask_io::bag::read_json_lines;
use dask_io::json_lines::{JsonLinesSource, OnError};
use dask_sched::{RoundTripScheduler, SyncScheduler};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Account {
    id: i64,
    name: Option<String>,
}
dask_core::data!(Account);

#[test]
fn values_are_read_and_bad_lines_are_named_or_skipped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0.json.gz"), crate::text::gzip(b"{\"id\":1,\"name\":\"Ann\"}\n\n{\"id\":2}\n"))
        .unwrap();
    std::fs::write(folder.path().join("1.json"), "{\"id\":3}\n{\"id\":\n").unwrap();
    let pattern = folder.path().join("*.json*");
    let pattern = pattern.to_str().unwrap();
    let skipping = read_json_lines::<Account>(pattern, None, OnError::Skip).unwrap();
    let expected = [(1, Some("Ann".to_owned())), (2, None), (3, None)].map(|(id, name)| Account { id, name });
    assert_eq!(skipping.compute_with(&SyncScheduler, &RunContext::default()).unwrap(), expected);
    assert_eq!(skipping.compute_with(&RoundTripScheduler, &RunContext::default()).unwrap(), expected);
    let raising = read_json_lines::<Account>(pattern, None, OnError::Raise).unwrap();
    let error = raising.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("1.json:2: EOF while parsing") && error.contains("OnError::Skip"), "{error}");
}

#[test]
fn texts_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let texts = ["{\"b\": 123456789012345678901, \"a\": 1.50}", "[1e400, {\"n\": 1, \"n\": 2}]", "\"\\u0041\""];
    std::fs::write(&path, format!("{}\n\n  {} \r\n{{\"id\":\n{}\n", texts[0], texts[1], texts[2])).unwrap();
    let open = |on_error| JsonLinesSource::open(path.to_str().unwrap(), None, on_error).unwrap();
    let read = |source: JsonLinesSource| source.read(0, &Want::default()).unwrap().collect::<Result<Vec<_>, _>>();
    assert_eq!(read(open(OnError::Skip)).unwrap(), texts);
    let error = read(open(OnError::Raise)).unwrap_err().to_string();
    assert!(error.contains("a.json:4: EOF while parsing"), "{error}");
}
