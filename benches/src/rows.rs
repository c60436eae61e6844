//! What was measured, with another system beside and against targets: a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A measure, what it is to reach, and what both sides reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Both sides call it so.
    pub measure: String,
    /// For people.
    pub unit: String,
    /// At the size that the target speaks of.
    pub ours: f64,
    /// At the size that the other system ran, if that is another.
    pub ours_beside: Option<f64>,
    /// The other system.
    pub theirs: Option<f64>,
    /// To be reached by `ours`.
    pub target: Option<f64>,
    /// Whether more is better.
    pub is_rate: bool,
}

impl Row {
    /// Of which less is better.
    #[must_use]
    pub fn cost(measure: impl Into<String>, unit: &str, ours: f64) -> Self {
        let (measure, unit) = (measure.into(), unit.to_owned());
        Self { measure, unit, ours, ours_beside: None, theirs: None, target: None, is_rate: false }
    }

    /// Of which more is better.
    #[must_use]
    pub fn rate(measure: impl Into<String>, unit: &str, ours: f64) -> Self {
        Self { is_rate: true, ..Self::cost(measure, unit, ours) }
    }

    /// What it is to reach.
    #[must_use]
    pub fn to_reach(self, target: f64) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The same at the size that the other system runs.
    #[must_use]
    pub fn beside(self, ours: f64) -> Self {
        Self { ours_beside: Some(ours), ..self }
    }

    /// Whether the target is reached, if there is one; what is no number reaches none.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        self.target.map(|target| if self.is_rate { target <= self.ours } else { self.ours <= target })
    }

    /// How many times better ours is, at the same size.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let ours = self.ours_beside.unwrap_or(self.ours);
        self.theirs.map(|theirs| if self.is_rate { ours / theirs } else { theirs / ours })
    }

    fn json(&self) -> Value {
        json!({
            "measure": self.measure, "unit": self.unit, "ours": self.ours, "ours_beside": self.ours_beside,
            "theirs": self.theirs, "better_by": self.ratio(), "target": self.target, "is_met": self.is_met(),
        })
    }

    fn cells(&self) -> [String; 7] {
        let number = |x: f64| {
            let digits = if 100.0 <= x.abs() || self.unit == "B" { 0 } else { 2 + usize::from(x.abs() < 1.0) };
            format!("{x:.digits$} {}", self.unit)
        };
        let maybe = |x: Option<f64>| x.map_or("-".to_owned(), number);
        let sign = if self.is_rate { "≥" } else { "≤" };
        [
            self.measure.clone(),
            number(self.ours),
            maybe(self.ours_beside),
            maybe(self.theirs),
            self.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.1}x")),
            self.target.map_or("-".to_owned(), |target| format!("{sign} {target} {}", self.unit)),
            self.is_met().map_or("-", |is_met| if is_met { "yes" } else { "NO" }).to_owned(),
        ]
    }
}

/// Takes what the other system reached from its report.
///
/// # Errors
/// If it ran other graphs: a number of `tasks` differs.
pub fn put_beside(rows: &mut [Row], theirs: &BTreeMap<String, f64>) -> Result<(), String> {
    for row in rows {
        row.theirs = theirs.get(&row.measure).copied();
        let ours = row.ours_beside.unwrap_or(row.ours);
        if let Some(theirs) = row.theirs.filter(|&theirs| row.unit == "tasks" && theirs != ours) {
            return Err(format!("{}: {ours} here, {theirs} there", row.measure));
        }
    }
    Ok(())
}

/// A table for people.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let head = ["measure", "ours", "ours beside", "Dask", "better by", "target", "met"].map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let mut out = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
            let _ = if column == 0 { write!(out, "{cell:<width$}") } else { write!(out, "  {cell:>width$}") };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// Writes what was measured to `target/bench/{name}.json`, with `about` it, and says where.
///
/// # Errors
/// If it cannot be written.
pub fn write_json(name: &str, rows: &[Row], mut about: Value) -> Result<(), Box<dyn Error>> {
    let path = Path::new("target/bench").join(name).with_extension("json");
    std::fs::create_dir_all("target/bench")?;
    about["n_cores"] = std::thread::available_parallelism().map_or(1, usize::from).into();
    about["rows"] = rows.iter().map(Row::json).collect();
    std::fs::write(&path, serde_json::to_string_pretty(&about)?)?;
    println!("written: {}", path.display());
    Ok(())
}

/// How busy the machine is, as it says itself.
#[must_use]
pub fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Says which targets were missed.
///
/// # Errors
/// If some were, and `is_strict`.
pub fn conclude(rows: &[Row], is_strict: bool) -> Result<(), Box<dyn Error>> {
    let missed: Vec<&str> =
        rows.iter().filter(|row| row.is_met() == Some(false)).map(|row| row.measure.as_str()).collect();
    if missed.is_empty() {
        println!("every target met");
        return Ok(());
    }
    let said = format!("targets missed: {}", missed.join("; "));
    if is_strict {
        return Err(said.into());
    }
    println!("{said}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Row, conclude, put_beside, table};

    #[test]
    fn a_cost_is_to_be_small_and_a_rate_large() {
        let (cost, rate) = (Row::cost("a", "µs", 2.0).to_reach(3.0), Row::rate("b", "MB/s", 2.0).to_reach(3.0));
        assert_eq!((cost.is_met(), rate.is_met()), (Some(true), Some(false)));
        assert_eq!(Row::cost("none", "µs", f64::NAN).to_reach(3.0).is_met(), Some(false));
        let mut rows = [cost.beside(4.0), rate];
        put_beside(&mut rows, &[("a".to_owned(), 8.0), ("b".to_owned(), 4.0)].into()).unwrap();
        assert_eq!(rows.each_ref().map(Row::ratio), [Some(2.0), Some(0.5)], "at the same size");
        assert!(conclude(&rows, false).is_ok() && conclude(&rows[..1], true).is_ok());
        assert_eq!(conclude(&rows, true).unwrap_err().to_string(), "targets missed: b");
        assert!(table(&rows).lines().nth(2).unwrap().ends_with("NO"));
    }
}
