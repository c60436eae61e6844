//! The soak itself works: a few rounds of it.

use std::process::Command;

#[test]
fn a_few_rounds_of_the_soak_give_right_results_and_leave_nothing() {
    let soak = Command::new(env!("CARGO_BIN_EXE_soak"))
        .args(["--rounds", "3", "--workers", "2", "--dashboard", "yes"])
        .output()
        .unwrap();
    let (out, errors) = (String::from_utf8_lossy(&soak.stdout), String::from_utf8_lossy(&soak.stderr));
    assert!(soak.status.success(), "{out}{errors}");
    assert!(out.contains("3 rounds") && out.contains("worker 1"), "{out}");
    assert!(!errors.contains("on purpose"), "{errors}");
}
