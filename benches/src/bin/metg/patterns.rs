//! Patterns of dependence: each point of a step depends on points of the step before.
//!
//! Source: Slaughter et al., *Task Bench: A Parameterized Benchmark for Evaluating Parallel Runtime Performance* (2020).

/// Which points of the step before a point depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Itself.
    NoCommunication,
    /// Itself and its two neighbours.
    Stencil,
    /// Itself and the two points `2^d` away, `d` going round.
    Fft,
    /// Half its number; the width doubles until it is full.
    Tree,
    /// Itself and a quarter of the four points nearest to it, by chance.
    Random,
}

impl Pattern {
    pub(crate) const ALL: [Self; 5] = [Self::NoCommunication, Self::Stencil, Self::Fft, Self::Tree, Self::Random];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoCommunication => "no communication",
            Self::Stencil => "stencil",
            Self::Fft => "fft",
            Self::Tree => "tree",
            Self::Random => "random",
        }
    }

    /// How many points a step has.
    fn width(self, step: u32, width: u32) -> u32 {
        match self {
            Self::Tree => width.min(1u32.checked_shl(step).unwrap_or(u32::MAX)),
            _ => width,
        }
    }

    /// The points of the step before; sorted.
    fn before(self, step: u32, point: u32, width: u32) -> Vec<u32> {
        let near = |by: u32| point.saturating_sub(by)..=(point + by).min(width - 1);
        match self {
            Self::NoCommunication => vec![point],
            Self::Stencil => near(1).collect(),
            Self::Fft => {
                let n_distances = width.next_power_of_two().trailing_zeros().max(1);
                let by = 1 << ((step + n_distances - 1) % n_distances);
                near(by).filter(|&other| other == point || other.abs_diff(point) == by).collect()
            }
            Self::Tree => vec![point / 2],
            Self::Random => {
                near(2).filter(|&other| other == point || mixed(step % 3, point, other).is_multiple_of(4)).collect()
            }
        }
    }

    /// The dependencies of each task, by number; tasks are numbered step by step.
    pub(crate) fn dependencies(self, n_steps: u32, width: u32) -> Vec<Vec<u32>> {
        let mut all: Vec<Vec<u32>> = Vec::new();
        let mut first_before = 0;
        for step in 0..n_steps {
            let first = all.len() as u32;
            for point in 0..self.width(step, width) {
                let before = if step == 0 { vec![] } else { self.before(step, point, width) };
                all.push(before.into_iter().map(|other| first_before + other).collect());
            }
            first_before = first;
        }
        all
    }
}

/// A number without order, from three.
fn mixed(a: u32, b: u32, c: u32) -> u64 {
    let mut x = (u64::from(a) << 48 ^ u64::from(b) << 24 ^ u64::from(c)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn each_pattern_has_its_edges() {
        let check = |pattern: Pattern, task: usize, expected: &[u32]| {
            assert_eq!(pattern.dependencies(4, 4)[task], expected, "{pattern:?}, task {task}");
        };
        check(Pattern::NoCommunication, 7, &[3]);
        check(Pattern::Stencil, 4, &[0, 1]);
        check(Pattern::Stencil, 5, &[0, 1, 2]);
        // Step 1 reaches one point away, step 2 two.
        check(Pattern::Fft, 5, &[0, 1, 2]);
        check(Pattern::Fft, 8, &[4, 6]);
        // Steps of 1, 2, 4, 4 points.
        check(Pattern::Tree, 2, &[0]);
        check(Pattern::Tree, 6, &[2]);
        check(Pattern::Tree, 10, &[4]);
    }

    #[test]
    fn tasks_depend_on_the_step_before_only() {
        for pattern in Pattern::ALL {
            let all = pattern.dependencies(20, 8);
            let step = |task: u32| match (pattern, task) {
                (Pattern::Tree, 0..7) => (task + 1).ilog2(),
                (Pattern::Tree, _) => (task - 7) / 8 + 3,
                _ => task / 8,
            };
            for (task, before) in (0..).zip(&all) {
                assert!(before.is_sorted_by(|a, b| a < b));
                assert!(before.iter().all(|&before| step(before) + 1 == step(task)), "{pattern:?}, task {task}");
                assert_eq!(before.is_empty(), step(task) == 0);
            }
        }
    }
}
