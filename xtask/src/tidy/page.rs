//! Pages of the workspace, and the tables on them.

use crate::run::{Failure, root};

/// The text of a page beside the workspace's manifest.
pub(super) fn read(name: &str) -> Result<String, Failure> {
    let path = root().join(name);
    std::fs::read_to_string(&path).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// The rows of the first table under a heading, a cell a column, without its head.
pub(super) fn table<'a>(page: &'a str, heading: &str) -> Result<Vec<Vec<&'a str>>, Failure> {
    let mut lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let inside =
        lines.by_ref().skip_while(|line| !line.starts_with(['|', '#'])).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = inside.map(cells).collect();
    match &rows[..] {
        [_head, line, rows @ ..] if !rows.is_empty() && line.iter().all(|cell| cell.starts_with("---")) => {
            Ok(rows.to_vec())
        }
        _ => Err(Failure(format!("there is no table under {heading:?}"))),
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// What stands in backticks.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a name is the one that a pattern names; `*` stands for any letters.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, quoted, table};

    #[test]
    fn a_table_stands_under_its_heading() {
        let page = "# A\n| no | no |\n|---|---|\n| x | y |\n## B\n\ntext\n\n| a | b |\n|---|---|\n| c, d | – |\n| e | `f*` |\n\nmore";
        assert_eq!(table(page, "## B").ok().unwrap(), [["c, d", "–"], ["e", "`f*`"]]);
        assert!(table(page, "## C").is_err());
        assert!(table("## A\n\n## B\n| a |\n|---|\n| b |\n", "## A").is_err());
        assert!(table("## A\n| a |\n|---|\n", "## A").is_err());
        assert_eq!(quoted("`a`, b, `c` d").collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn a_star_is_any_letters() {
        assert!(matches("arrow-*", "arrow-ipc") && matches("tokio", "tokio") && matches("a*b", "ab"));
        assert!(!matches("arrow-*", "narrow-x") && !matches("tokio", "tokio-rustls") && !matches("ab*b", "ab"));
    }
}
