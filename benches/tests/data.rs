//! The sample data is the same for the same seed.

use std::path::{Path, PathBuf};

use dask_benches::data::{Options, make};

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        let options = Options { folder: folder.path().into(), scale: 0.001, seed: 7 };
        assert!(make(&options).unwrap());
        assert!(!make(&options).unwrap(), "made again");
    }
    let [found, again] = [0, 1].map(|i: usize| files(folders[i].path()));
    assert_eq!(found, again);
    assert_eq!(found.iter().filter(|name| name.starts_with("flights")).count(), 10);
    assert!(found.len() >= 65);
    assert_eq!(found.contains(&PathBuf::from("myfile.hdf5")), cfg!(feature = "hdf5"));
    for name in &found {
        let [a, b] = [0, 1].map(|i: usize| std::fs::read(folders[i].path().join(name)).unwrap());
        assert!(a == b, "{name:?} differs");
    }
}

#[test]
fn another_seed_gives_other_students() {
    let [a, b] = [1, 2].map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        make(&Options { folder: folder.path().into(), scale: 0.001, seed }).unwrap();
        std::fs::read_to_string(folder.path().join("students.csv")).unwrap()
    });
    assert_ne!(a, b);
    for line in a.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        assert!(fields.len() == 4 && fields[0].contains(' ') && fields[3].contains("@example."), "{line}");
    }
}

#[test]
fn flights_have_gaps_where_they_were_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    make(&Options { folder: folder.path().into(), scale: 0.02, seed: 3 }).unwrap();
    let text = std::fs::read_to_string(folder.path().join("flights/1992.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 400);
    assert!(rows.is_sorted_by_key(|row| row[0]));
    let n_cancelled = rows.iter().filter(|row| row[8] == "1").count();
    assert!((1..40).contains(&n_cancelled), "{n_cancelled}");
    for row in rows {
        assert_eq!(row.len(), 9);
        assert!(row[2..5].iter().all(|field| field.is_empty() == (row[8] == "1")), "{row:?}");
    }
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}
