//! The tour runs, at a small scale; and ends with an error where a step goes wrong.

use std::path::Path;
use std::process::{Command, Output};

fn tour(folder: &Path) -> Output {
    let (data, out) = (folder.join("data"), folder.join("out"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tour"));
    command.args(["--scale", "0.01", "--dir"]).arg(data).arg("--out").arg(out).output().unwrap()
}

#[test]
fn every_step_of_the_tour_gives_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let output = tour(folder.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let chapters = said.lines().filter(|line| line.contains(". ") && line.starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(chapters.count(), if cfg!(feature = "hdf5") { 7 } else { 6 }, "{said}");
    for scheduler in ["sync", "threads", "processes", "distributed"] {
        assert!(said.lines().any(|line| line.trim() == scheduler), "{scheduler} is missing: {said}");
    }
    assert!(said.contains("every step gave what it should"), "{said}");
    for file in ["report.html", "add.svg", "sum.svg", "sum-order.svg"] {
        assert!(folder.path().join("out").join(file).is_file(), "{file} is missing");
    }

    // A quoted comma, which the plain loop that checks the answer does not understand: a step is wrong.
    let students = folder.path().join("data/students.csv");
    let rows = std::fs::read_to_string(&students).unwrap() + "\"Lovelace, Ada\",H07,7,ada@example.org\n";
    std::fs::write(&students, rows).unwrap();
    let output = tour(folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("tour: mean serial number") && said.contains("found ["), "{said}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("every step gave what it should"));
}

#[test]
fn what_the_tour_does_not_know_is_refused() {
    for (arguments, part) in
        [(&["--size", "1"][..], "unknown option --size 1; there are --scale"), (&["--scale", "x"], "--scale x: ")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_tour")).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(part), "{said}");
    }
}
