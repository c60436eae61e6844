//! From large tasks to small ones, and where half of the time is work.

use std::error::Error;

use dask_benches::timing::median;
use serde::Serialize;

/// What tasks of a size came to: how long a task took on its core, and how much of that was work.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Point {
    pub(crate) iterations: u64,
    pub(crate) granularity_us: f64,
    pub(crate) efficiency: f64,
}

/// What a sweep needs to know of its runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Setting {
    /// Seconds of one iteration of the kernel.
    pub(crate) kernel: f64,
    pub(crate) n_threads: usize,
    /// Where it begins: seconds of a task's work.
    pub(crate) coarsest: f64,
}

impl Setting {
    pub(crate) fn first(self) -> u64 {
        ((self.coarsest / self.kernel) as u64).max(1).next_power_of_two()
    }

    /// From the times of some runs, by their median.
    pub(crate) fn point(self, iterations: u64, n_tasks: usize, seconds: Vec<f64>) -> Point {
        let on_core = median(seconds) * self.n_threads as f64 / n_tasks as f64;
        Point { iterations, granularity_us: on_core * 1e6, efficiency: iterations as f64 * self.kernel / on_core }
    }

    /// From the coarsest tasks on, each half as long as the one before, until less than a quarter is work.
    pub(crate) fn sweep(
        self,
        mut run: impl FnMut(u64) -> Result<Point, Box<dyn Error>>,
    ) -> Result<Vec<Point>, Box<dyn Error>> {
        let mut iterations = self.first();
        let mut points = Vec::new();
        while iterations > 0 {
            let point = run(iterations)?;
            points.push(point);
            if point.efficiency < 0.25 * best_efficiency(&points) {
                break;
            }
            iterations /= 2;
        }
        Ok(points)
    }
}

fn best_efficiency(points: &[Point]) -> f64 {
    points.iter().map(|point| point.efficiency).fold(0.0, f64::max)
}

/// The smallest granularity with half of the best efficiency, between the two runs that enclose it: microseconds.
pub(crate) fn metg(points: &[Point]) -> Option<f64> {
    let half = best_efficiency(points) / 2.0;
    let pair = points.windows(2).rfind(|pair| pair[0].efficiency >= half && pair[1].efficiency < half)?;
    let [coarse, fine] = [pair[0], pair[1]];
    let share = (half - fine.efficiency) / (coarse.efficiency - fine.efficiency);
    Some(fine.granularity_us + share * (coarse.granularity_us - fine.granularity_us))
}

#[cfg(test)]
mod tests {
    use super::{Point, metg};

    #[test]
    fn metg_lies_between_the_runs_that_enclose_a_half() {
        let point = |granularity_us, efficiency| Point { iterations: 1, granularity_us, efficiency };
        assert_eq!(metg(&[point(8.0, 1.0), point(4.0, 0.75), point(3.0, 0.25), point(2.0, 0.125)]), Some(3.5));
        assert_eq!(metg(&[point(8.0, 0.5), point(4.0, 0.375), point(3.0, 0.125)]), Some(3.5), "of the best");
        assert_eq!(metg(&[point(8.0, 0.9), point(4.0, 0.6)]), None);
    }
}
