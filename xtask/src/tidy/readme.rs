//! What README.md says of dependencies, of the toolchain, and of commands.

use super::page;
use crate::run::Failure;

/// Dependencies that the table lacks or that are gone, another toolchain, and commands that there are not.
pub(super) fn complaints() -> Result<Vec<String>, Failure> {
    let (readme, manifest) = (page::read("README.md")?, page::read("Cargo.toml")?);
    let mut complaints = dependencies(&page::table(&readme, "## Dependencies")?, &manifest);
    let version = setting(&manifest, "rust-version").ok_or_else(|| Failure("Cargo.toml has no rust-version".into()))?;
    if !readme.contains(&format!("Rust {version}")) {
        complaints.push(format!("README.md does not say that Rust {version} is needed, as Cargo.toml has it"));
    }
    complaints.extend(commands(&readme));
    Ok(complaints)
}

fn dependencies(table: &[Vec<&str>], manifest: &str) -> Vec<String> {
    let ours = |line: &&str| !line.contains("path = ");
    let entries = section(manifest, "[workspace.dependencies]").filter(ours).filter_map(|line| line.split_once(" = "));
    let entries: Vec<&str> = entries.map(|(name, _)| name).collect();
    let named: Vec<&str> = table.iter().flat_map(|row| page::quoted(row[0])).collect();
    let lacks = entries.iter().filter(|entry| !named.iter().any(|name| page::matches(name, entry)));
    let gone = named.iter().filter(|name| !entries.iter().any(|entry| page::matches(name, entry)));
    lacks
        .map(|name| format!("the table of dependencies in README.md does not name {name}"))
        .chain(gone.map(|name| format!("README.md has a row for {name}, which is no dependency of the workspace")))
        .collect()
}

/// The lines of a section of a manifest, without comments.
fn section<'a>(manifest: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let inside = manifest.lines().skip_while(move |line| *line != heading).skip(1);
    inside.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'))
}

fn setting<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    manifest.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
}

/// Commands of this program that a page names and that it does not have.
fn commands(page: &str) -> Vec<String> {
    let after = page.split("cargo xtask ").skip(1);
    let named = after.filter_map(|text| text.split(|c: char| !c.is_ascii_lowercase() && c != '-').next());
    let unknown = named.filter(|name| !crate::commands().any(|known| known == *name));
    unknown.map(|name| format!("README.md names `cargo xtask {name}`, and no command is called so")).collect()
}

#[cfg(test)]
mod tests {
    use super::{commands, dependencies, setting};

    const MANIFEST: &str = "[workspace.package]\nrust-version = \"1.95\"\n\n[workspace.dependencies]\n# Ours\n\
                            a = { path = \"a\" }\nserde = \"1\"\narrow-ipc = { version = \"60\" }\n\n[profile.dev]\ndebug = true\n";

    #[test]
    fn every_dependency_has_a_row_and_every_row_a_dependency() {
        let rows = [vec!["`serde`", "…"], vec!["`arrow-*`", "…"]];
        assert!(dependencies(&rows, MANIFEST).is_empty());
        let found = dependencies(&rows[..1], MANIFEST);
        assert_eq!(found, ["the table of dependencies in README.md does not name arrow-ipc"]);
        let found = dependencies(&[rows[0].clone(), vec!["`arrow-*`, `rayon`"]], MANIFEST);
        assert_eq!(found, ["README.md has a row for rayon, which is no dependency of the workspace"]);
        assert_eq!(setting(MANIFEST, "rust-version"), Some("1.95"));
    }

    #[test]
    fn commands_are_those_that_there_are() {
        assert!(commands("cargo xtask tour   # the main job\n`cargo xtask bench sched`").is_empty());
        let found = commands("`cargo xtask tours`");
        assert_eq!(found, ["README.md names `cargo xtask tours`, and no command is called so"]);
    }
}
