//! Values as numbers, bytes, durations.

use std::time::Duration;

use super::{Origin, get};

/// A value that is not what its key needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value:?} in {origin}: expected {expected}")]
pub struct ConfigError {
    /// The key.
    pub key: String,
    /// As it was written.
    pub value: String,
    /// Where.
    pub origin: Origin,
    /// What would be right.
    pub expected: &'static str,
}

/// A value of a kind of its own: what `parse` makes of it, and in words what that expects.
///
/// ```
/// use dask_core::config::{parsed, set};
/// let positive = |text: &str| text.parse::<f64>().ok().filter(|number| 0.0 < *number);
/// let guard = set([("distributed.scheduler.worker-saturation", "-1")]);
/// let error = parsed("distributed.scheduler.worker-saturation", "a number above 0", positive).unwrap_err();
/// assert!(error.to_string().ends_with("expected a number above 0"));
/// # drop(guard);
/// ```
///
/// # Errors
/// [`ConfigError`], with where the value stands.
pub fn parsed<T>(
    key: &str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let Some(setting) = get(key) else { return Ok(None) };
    let value = parse(setting.value.trim());
    value.map(Some).ok_or_else(|| ConfigError {
        key: key.to_owned(),
        value: setting.value,
        origin: setting.origin,
        expected,
    })
}

/// A text.
pub fn text(key: &str) -> Option<String> {
    get(key).map(|setting| setting.value)
}

/// A number.
///
/// # Errors
/// [`ConfigError`], with where the value stands.
pub fn number(key: &str) -> Result<Option<f64>, ConfigError> {
    parsed(key, "a number, such as 0.6", |text| text.parse().ok().filter(|number: &f64| number.is_finite()))
}

/// A number of things.
///
/// # Errors
/// As [`number`].
pub fn whole(key: &str) -> Result<Option<u64>, ConfigError> {
    parsed(key, "a whole number, such as 4", |text| text.parse().ok())
}

/// Yes or no.
///
/// # Errors
/// As [`number`].
pub fn flag(key: &str) -> Result<Option<bool>, ConfigError> {
    parsed(key, "true or false", |text| match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    })
}

/// A number of bytes: `2 GiB`, `500MB`, `4096`.
///
/// # Errors
/// As [`number`].
pub fn bytes(key: &str) -> Result<Option<u64>, ConfigError> {
    parsed(key, "bytes, such as 2 GiB, 500 MB or 4096", parse_bytes)
}

/// A time: `30 s`, `500ms`, `5 min`.
///
/// # Errors
/// As [`number`].
pub fn duration(key: &str) -> Result<Option<Duration>, ConfigError> {
    parsed(key, "a time, such as 30 s, 500 ms or 5 min", parse_duration)
}

/// The number at the beginning, and the unit in lower case.
fn split(text: &str) -> Option<(f64, String)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || ".+-_".contains(c))).unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    (number.is_finite() && 0.0 <= number).then(|| (number, text[end..].trim().to_lowercase()))
}

/// Bytes from text: decimal units (`kB`, `MB`), binary ones (`KiB`, `MiB`), or none.
///
/// ```
/// use dask_core::config::parse_bytes;
/// assert_eq!(parse_bytes("2 GiB"), Some(2 << 30));
/// assert_eq!(parse_bytes("1.5MB"), Some(1_500_000));
/// assert_eq!(parse_bytes("much"), None);
/// ```
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text.trim())?;
    let unit = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "ki" | "kib" => f64::from(1 << 10),
        "mi" | "mib" => f64::from(1 << 20),
        "gi" | "gib" => f64::from(1 << 30),
        "ti" | "tib" => (1u64 << 40) as f64,
        _ => return None,
    };
    Some((number * unit) as u64)
}

/// A time from text; seconds if there is no unit.
///
/// ```
/// use std::time::Duration;
/// use dask_core::config::parse_duration;
/// assert_eq!(parse_duration("500 ms"), Some(Duration::from_millis(500)));
/// assert_eq!(parse_duration("2 min"), Some(Duration::from_secs(120)));
/// assert_eq!(parse_duration("soon"), None);
/// ```
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text.trim())?;
    let unit = match unit.as_str() {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" | "sec" | "seconds" | "second" => 1.0,
        "m" | "min" | "minutes" | "minute" => 60.0,
        "h" | "hours" | "hour" => 3600.0,
        "d" | "days" | "day" => 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}
