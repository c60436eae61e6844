//! Options of the programs here: `--name value`, and flags without a value.

/// Reads the arguments of this process. `take` is given each option and its value, which is empty for those in `flags`;
/// it says whether there is such an option. `known` names them for those who err.
///
/// # Errors
/// An option that is unknown, or without its value; what `take` says.
pub fn read<E>(known: &str, flags: &[&str], take: impl FnMut(&str, String) -> Result<bool, E>) -> Result<(), E>
where
    E: From<String>,
{
    read_from(std::env::args().skip(1), known, flags, take)
}

/// As [`read`], of other arguments.
///
/// ```
/// use dask_benches::arguments::read_from;
/// let (mut n, mut strict) = (0, false);
/// let given = ["--tasks", "7", "--strict"].map(str::to_owned);
/// read_from::<Box<dyn std::error::Error>>(given, "--tasks, --strict", &["--strict"], |name, value| {
///     match name {
///         "--tasks" => n = value.parse()?,
///         "--strict" => strict = true,
///         _ => return Ok(false),
///     }
///     Ok(true)
/// })?;
/// assert_eq!((n, strict), (7, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read`].
pub fn read_from<E>(
    arguments: impl IntoIterator<Item = String>,
    known: &str,
    flags: &[&str],
    mut take: impl FnMut(&str, String) -> Result<bool, E>,
) -> Result<(), E>
where
    E: From<String>,
{
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        let value = match flags.contains(&name.as_str()) {
            true => String::new(),
            false => arguments.next().ok_or_else(|| format!("{name} needs a value; there are {known}"))?,
        };
        let given = if value.is_empty() { name.clone() } else { format!("{name} {value}") };
        if !take(&name, value)? {
            return Err(format!("unknown option {given}; there are {known}").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn error(given: &[&str]) -> String {
        let given = given.iter().map(|&argument| argument.to_owned());
        let take = |name: &str, _| Ok::<bool, Box<dyn Error>>(name == "--a");
        read_from(given, "--a", &["--f"], take).unwrap_err().to_string()
    }

    #[test]
    fn who_errs_is_told_what_there_is() {
        assert_eq!(error(&["--a", "1", "--b", "2"]), "unknown option --b 2; there are --a");
        assert_eq!(error(&["--a"]), "--a needs a value; there are --a");
        assert_eq!(error(&["--f"]), "unknown option --f; there are --a");
    }
}
