//! How often to measure, and what of it to tell.

use std::error::Error;
use std::time::{Duration, Instant};

/// A round that takes longer is measured once, after one that warms up.
const ONCE: f64 = 20.0;

/// The middle one.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// What this share of the values is below.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * share) as usize).min(values.len() - 1)]
}

/// What `measure` finds in each of some rounds, after one that warms up. Where a round takes more than 20 s there is one
/// of them, and `what` is said to have been measured once.
///
/// # Errors
/// Those of `measure`.
pub fn rounds<T>(
    what: &str,
    n_repeats: usize,
    mut measure: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<Vec<T>, Box<dyn Error>> {
    let start = Instant::now();
    measure()?;
    let seconds = start.elapsed().as_secs_f64();
    let n_repeats = if seconds <= ONCE { n_repeats } else { 1 };
    if seconds > ONCE {
        println!("{what}: a round takes {seconds:.0} s, so it is measured once");
    }
    (0..n_repeats).map(|_| measure()).collect()
}

/// Seconds that `f` takes: the median of [`rounds`]; each begins after `pause`, when what the last one made is released.
///
/// # Errors
/// Those of `f`.
pub fn seconds(
    what: &str,
    n_repeats: usize,
    pause: Duration,
    mut f: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let times = rounds(what, n_repeats, || {
        std::thread::sleep(pause);
        let start = Instant::now();
        f()?;
        Ok(start.elapsed().as_secs_f64())
    })?;
    Ok(median(times))
}

#[cfg(test)]
mod tests {
    use super::{median, quantile, rounds};

    #[test]
    fn quantiles_are_those_of_the_sorted() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        let values: Vec<f64> = (0..1000).rev().map(f64::from).collect();
        assert_eq!((quantile(values.clone(), 0.99), quantile(values, 1.0)), (990.0, 999.0));
    }

    #[test]
    fn the_first_round_warms_up() {
        let mut n = 0;
        let found = rounds("counting", 3, || {
            n += 1;
            Ok(n)
        });
        assert_eq!(found.unwrap(), [2, 3, 4]);
    }
}
