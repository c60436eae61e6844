//! Which crate of the workspace may depend on which, and what a crate never compiles: the table of ARCHITECTURE.md.

use serde_json::Value;

use super::page;
use crate::run::{Failure, cargo_output};

const HEADING: &str = "## Arrows";

/// What the table says of a crate.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    always: Vec<String>,
    by_feature: Vec<String>,
    /// Names of crates, `*` being any letters.
    never: Vec<String>,
}

/// The rows of the page's table, one a crate.
fn rows(page: &str) -> Result<Vec<Row>, Failure> {
    let table = page::table(page, HEADING)?;
    let list = |cell: &str| match cell {
        "–" => Vec::new(),
        _ => cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<String>>(),
    };
    let mut rows = Vec::new();
    for cells in &table {
        let [names, always, by_feature, never] = cells[..] else {
            return Err(Failure(format!("ARCHITECTURE.md, {HEADING:?}: {cells:?} has not four cells")));
        };
        rows.extend(list(names).into_iter().map(|name| Row {
            name,
            always: list(always),
            by_feature: list(by_feature),
            never: list(never),
        }));
    }
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    for row in &mut rows {
        if row.always == ["all"] {
            row.always = names.iter().filter(|&name| *name != row.name && name != "xtask").cloned().collect();
        }
        if let Some(unknown) = row.always.iter().chain(&row.by_feature).find(|name| !names.contains(name)) {
            return Err(Failure(format!(
                "ARCHITECTURE.md, {HEADING:?}: {} leads to {unknown}, which has no row",
                row.name
            )));
        }
    }
    Ok(rows)
}

/// Arrows that the table does not have, default features that an inner crate asks for, and crates that are compiled
/// where they never should.
pub(super) fn complaints() -> Result<Vec<String>, Failure> {
    let rows = rows(&page::read("ARCHITECTURE.md")?)?;
    let metadata: Value = serde_json::from_slice(&cargo_output(&["metadata", "--no-deps", "--format-version", "1"])?)
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    let mut complaints = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        complaints.extend(of_package(&rows, package));
    }
    for row in rows.iter().filter(|row| !row.never.is_empty()) {
        complaints.extend(never_compiled(row, &tree(&row.name)?));
    }
    Ok(complaints)
}

fn of_package(rows: &[Row], package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        return vec![format!("{name} has no row in the table under {HEADING:?} of ARCHITECTURE.md")];
    };
    let mut complaints = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let to = dependency["name"].as_str().unwrap_or_default();
        if !rows.iter().any(|row| row.name == to) || dependency["kind"] == "dev" {
            continue;
        }
        let has = |names: &[String]| names.iter().any(|name| name == to);
        let allowed = has(&row.always) || (dependency["optional"] == true && has(&row.by_feature));
        if !allowed {
            complaints.push(format!("{name} must not depend on {to}: see the table of arrows in ARCHITECTURE.md"));
        }
        if dependency["uses_default_features"] == true {
            complaints.push(format!("{name} asks for the default features of {to}: write `workspace = true` only"));
        }
    }
    complaints
}

/// All crates that a build of a crate with all of its features compiles.
fn tree(name: &str) -> Result<String, Failure> {
    let what = ["tree", "-p", name, "--all-features", "-e", "normal,build", "--prefix", "none", "--format", "{p}"];
    String::from_utf8(cargo_output(&what)?).map_err(|error| Failure(format!("cargo tree: {error}")))
}

fn never_compiled(row: &Row, tree: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|name| row.never.iter().any(|pattern| page::matches(pattern, name)));
    let complaint = |name| format!("{} compiles {name}: ARCHITECTURE.md says that it never does", row.name);
    found.into_iter().map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Row, never_compiled, of_package, rows};

    const PAGE: &str = "## Arrows\n\n| crate | always | by a feature | never |\n|---|---|---|---|\n| core | – | – | `arrow*`, `tokio` |\n\
                        | bag, array | core | sched | – |\n| sched | core | – | – |\n| benches | all | – | – |\n| xtask | – | – | – |\n";

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_table_of_the_page_is_read_or_refused() {
        let rows = rows(PAGE).ok().unwrap();
        let row = |i: usize| (rows[i].name.as_str(), &rows[i].always, &rows[i].by_feature, &rows[i].never);
        assert_eq!(row(0), ("core", &names(&[]), &names(&[]), &names(&["arrow*", "tokio"])));
        assert_eq!(row(2), ("array", &names(&["core"]), &names(&["sched"]), &names(&[])));
        assert_eq!(row(4), ("benches", &names(&["core", "bag", "array", "sched"]), &names(&[]), &names(&[])));
        let refused = |page: &str| super::rows(page).err().unwrap().0;
        assert!(refused("## Other\n").contains("no table"));
        assert!(refused(&PAGE.replace("| sched | core | – | – |", "| sched | core | – |")).contains("four cells"));
        assert!(refused(&PAGE.replace("| sched | core", "| sched | cora")).contains("cora, which has no row"));
    }

    #[test]
    fn arrows_outside_of_the_table_are_named() {
        let rows = rows(PAGE).ok().unwrap();
        let complaints = |name: &str, to: &str, optional: bool, defaults: bool| {
            let dependency = json!({"name": to, "kind": null, "optional": optional, "uses_default_features": defaults});
            of_package(&rows, &json!({"name": name, "dependencies": [dependency]})).join("\n")
        };
        assert_eq!(complaints("bag", "core", false, false), "");
        assert_eq!(complaints("bag", "sched", true, false), "");
        assert_eq!(complaints("bag", "serde", false, true), "");
        assert!(complaints("bag", "sched", false, false).contains("bag must not depend on sched"));
        assert!(complaints("core", "bag", true, false).contains("core must not depend on bag"));
        assert!(complaints("bag", "core", false, true).contains("default features of core"));
        assert!(complaints("new", "core", false, false).contains("new has no row"));
    }

    #[test]
    fn what_is_never_compiled_is_named() {
        let row = Row { name: "core".into(), always: vec![], by_feature: vec![], never: names(&["arrow*", "tokio"]) };
        let tree = "core v0.1.0 (/core)\nserde v1.0.0\ntokio-util v1.0.0\narrow-ipc v60.0.0\narrow-ipc v60.0.0 (*)\n";
        assert_eq!(never_compiled(&row, tree), ["core compiles arrow-ipc: ARCHITECTURE.md says that it never does"]);
    }
}
