//! The sample data is the same for the same seed.

use dask_benches::data::{Options, make};

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        let options = Options { folder: folder.path().into(), scale: 0.001, seed: 7 };
        assert!(make(&options).unwrap());
        assert!(!make(&options).unwrap(), "made again");
    }
    let names = |folder: &tempfile::TempDir| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let found = names(&folders[0]);
    assert_eq!(found, names(&folders[1]));
    assert!(found.len() >= 55);
    for name in found.iter().filter(|name| *name != "myfile.hdf5") {
        let [a, b] = [0, 1].map(|i: usize| std::fs::read(folders[i].path().join(name)).unwrap());
        assert!(a == b, "{name:?} differs");
    }
}
