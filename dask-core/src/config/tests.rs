//! Where values come from, and what is said of those that cannot be used.

use std::ffi::OsString;
use std::time::Duration;

use super::merge::{Origin, Settings};
use super::*;

fn environment(pairs: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::new();
    env::read(pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))), &mut settings);
    settings
}

#[test]
fn two_underscores_in_the_environment_are_a_dot_and_one_is_a_hyphen() {
    let settings = environment(&[
        ("DASK_DISTRIBUTED__WORKER__MEMORY__TARGET", "0.25"),
        ("DASK_NUM_WORKERS", "3"),
        ("DASK_SCHEDULER", ""),
        ("PATH", "/bin"),
    ]);
    assert_eq!(settings.get("distributed.worker.memory.target").unwrap().value, "0.25");
    assert_eq!(settings.get("num-workers").unwrap().origin, Origin::Environment("DASK_NUM_WORKERS".to_owned()));
    assert_eq!(settings.get("scheduler"), None);
    assert_eq!(settings.unknown().count(), 0);
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    let settings = environment(&[("DASK_DISTRIBUTED__WORKER__MEMORY__TRAGET", "0.25")]);
    let warnings: Vec<String> = settings.unknown().collect();
    assert!(warnings[0].contains("did you mean distributed.worker.memory.target?"), "{warnings:?}");
    let settings = environment(&[("DASK_QQQ", "1")]);
    assert!(!settings.unknown().next().unwrap().contains("did you mean"));
}

#[test]
fn the_innermost_guard_wins_and_ends() {
    let outer = set([("distributed.worker.memory.pause", "0.5")]);
    let inner = set([("distributed.worker.memory-pause", "1"), ("distributed.worker.memory.pause", "0.4")]);
    assert_eq!(number("distributed.worker.memory.pause"), Ok(Some(0.4)));
    // In whatever order they are dropped.
    drop(outer);
    assert_eq!(number("distributed.worker.memory.pause"), Ok(Some(0.4)));
    drop(inner);
    assert_eq!(number("distributed.worker.memory.pause"), Ok(Some(0.8)));
}

#[test]
fn a_value_of_another_kind_is_refused_with_its_place() {
    let _guard = set([("distributed.scheduler.worker-ttl", "soon")]);
    let error = duration("distributed.scheduler.worker-ttl").unwrap_err();
    assert_eq!(
        error.to_string(),
        "distributed.scheduler.worker-ttl = \"soon\" in the program: expected a time, such as 30 s, 500 ms or 5 min"
    );
    assert_eq!(duration("distributed.comm.timeouts.connect"), Ok(Some(Duration::from_secs(30))));
    assert_eq!(bytes("distributed.scheduler.bandwidth"), Ok(Some(500_000_000)));
    assert_eq!(whole("distributed.scheduler.allowed-failures"), Ok(Some(3)));
}

#[test]
fn every_default_is_what_its_key_needs() {
    for known in keys() {
        if !known.default.is_empty() {
            let is_quantity = number(known.key).is_ok() || duration(known.key).is_ok() || bytes(known.key).is_ok();
            // One of few words, which its reader knows.
            let is_word = known.doc.contains(known.default);
            assert!(is_quantity || flag(known.key).is_ok() || is_word, "{known:?}");
        }
    }
}

#[cfg(feature = "config-files")]
#[test]
fn a_file_is_flattened_and_a_bad_one_says_why() {
    use std::path::Path;
    use yaml_rust2::YamlLoader;
    let mut settings = Settings::new();
    let read = |text: &str, settings: &mut Settings| {
        let documents = YamlLoader::load_from_str(text).unwrap();
        file::flatten("", &documents[0], Path::new("a.yaml"), settings)
    };
    let text = "scheduler: sync\ndistributed:\n  worker:\n    memory:\n      target: 0.5\n  scheduler: {allowed_failures: 5}\n";
    read(text, &mut settings).unwrap();
    assert_eq!(settings.get("scheduler").unwrap().value, "sync");
    assert_eq!(settings.get("distributed.worker.memory.target").unwrap().value, "0.5");
    let failures = settings.get("distributed.scheduler.allowed-failures").unwrap();
    assert_eq!((failures.value.as_str(), failures.origin.to_string().as_str()), ("5", "a.yaml"));
    assert!(read("just a text", &mut settings).unwrap_err().contains("expected names with values"));
}
