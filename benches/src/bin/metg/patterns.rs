//! Patterns of dependence: each point of a step depends on points of the step before.
//!
//! Source: Slaughter et al., *Task Bench: A Parameterized Benchmark for Evaluating Parallel Runtime Performance* (2020).

use std::ops::Range;

/// Points that `nearest`, `spread` and `random_nearest` look at.
const RADIX: u32 = 5;
/// Steps after which `spread` and `random_nearest` repeat themselves.
const PERIOD: u32 = 3;

/// Which points of the step before a point depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Itself and its two neighbours.
    Stencil,
    /// Itself and the two points `2^d` away, `d` going round.
    Fft,
    /// Half its number; the width doubles until it is full.
    Tree,
    /// Itself and a quarter of the four points nearest to it, by chance.
    RandomNearest,
    /// Itself.
    NoComm,
    /// Nothing.
    Trivial,
    /// As the stencil, on a ring.
    StencilPeriodic,
    /// Itself and the point before; the width grows from one point and shrinks to one.
    Dom,
    /// Every point.
    AllToAll,
    /// The five points nearest to it.
    Nearest,
    /// Five points far from each other, which move from step to step.
    Spread,
}

impl Pattern {
    pub(crate) const ALL: [Self; 11] = [
        Self::Stencil,
        Self::Fft,
        Self::Tree,
        Self::RandomNearest,
        Self::NoComm,
        Self::Trivial,
        Self::StencilPeriodic,
        Self::Dom,
        Self::AllToAll,
        Self::Nearest,
        Self::Spread,
    ];
    /// Those of which METG is found unless others are asked for.
    pub(crate) const USUAL: [Self; 5] = [Self::Stencil, Self::Fft, Self::Tree, Self::RandomNearest, Self::NoComm];

    /// As Task Bench calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stencil => "stencil_1d",
            Self::Fft => "fft",
            Self::Tree => "tree",
            Self::RandomNearest => "random_nearest",
            Self::NoComm => "no_comm",
            Self::Trivial => "trivial",
            Self::StencilPeriodic => "stencil_1d_periodic",
            Self::Dom => "dom",
            Self::AllToAll => "all_to_all",
            Self::Nearest => "nearest",
            Self::Spread => "spread",
        }
    }

    /// The points that a step has.
    fn points(self, step: u32, n_steps: u32, width: u32) -> Range<u32> {
        match self {
            Self::Tree => 0..width.min(1u32.checked_shl(step).unwrap_or(u32::MAX)),
            Self::Dom => {
                let first = (step + width).saturating_sub(n_steps);
                first..first + width.min(step + 1).min(n_steps - step)
            }
            _ => 0..width,
        }
    }

    /// The points that a point depends on, wherever they are.
    fn before(self, step: u32, point: u32, width: u32) -> Vec<u32> {
        let near = |by: u32| point.saturating_sub(by)..=(point + by).min(width - 1);
        match self {
            Self::Stencil => near(1).collect(),
            Self::Fft => {
                let n_distances = width.next_power_of_two().trailing_zeros().max(1);
                let by = 1 << ((step + n_distances - 1) % n_distances);
                near(by).filter(|&other| other == point || other.abs_diff(point) == by).collect()
            }
            Self::Tree => vec![point / 2],
            Self::RandomNearest => {
                let is_kept = |&other: &u32| other == point || mixed(step % PERIOD, point, other).is_multiple_of(4);
                near(RADIX / 2).filter(is_kept).collect()
            }
            Self::NoComm => vec![point],
            Self::Trivial => vec![],
            Self::StencilPeriodic => vec![(point + width - 1) % width, point, (point + 1) % width],
            Self::Dom => (point.saturating_sub(1)..=point).collect(),
            Self::AllToAll => (0..width).collect(),
            Self::Nearest => near(RADIX / 2).collect(),
            Self::Spread => {
                let moved = |k: u32| if k == 0 { 0 } else { step % PERIOD };
                (0..RADIX).map(|k| (point + k * width / RADIX + moved(k)) % width).collect()
            }
        }
    }

    /// The dependencies of each task, by number, sorted; tasks are numbered step by step.
    pub(crate) fn dependencies(self, n_steps: u32, width: u32) -> Vec<Vec<u32>> {
        let mut all: Vec<Vec<u32>> = Vec::new();
        let (mut there, mut first_before) = (0..0, 0);
        for step in 0..n_steps {
            let (first, points) = (all.len() as u32, self.points(step, n_steps, width));
            for point in points.clone() {
                let mut before = if step == 0 { vec![] } else { self.before(step, point, width) };
                before.retain(|other| there.contains(other));
                before.iter_mut().for_each(|other| *other = first_before + *other - there.start);
                before.sort_unstable();
                before.dedup();
                all.push(before);
            }
            (there, first_before) = (points, first);
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
        check(Pattern::NoComm, 7, &[3]);
        check(Pattern::Trivial, 7, &[]);
        check(Pattern::Stencil, 4, &[0, 1]);
        check(Pattern::Stencil, 5, &[0, 1, 2]);
        check(Pattern::StencilPeriodic, 4, &[0, 1, 3]);
        check(Pattern::AllToAll, 6, &[0, 1, 2, 3]);
        check(Pattern::Nearest, 4, &[0, 1, 2]);
        // Step 1 reaches one point away, step 2 two.
        check(Pattern::Fft, 5, &[0, 1, 2]);
        check(Pattern::Fft, 8, &[4, 6]);
        // Steps of 1, 2, 4, 4 points.
        check(Pattern::Tree, 2, &[0]);
        check(Pattern::Tree, 6, &[2]);
        check(Pattern::Tree, 10, &[4]);
        // Steps of 1, 2, 3, 4, 4, 3, 2, 1 points; the last four begin at the points 0, 1, 2, 3.
        let dom = Pattern::Dom.dependencies(8, 4);
        assert_eq!((&dom[2], &dom[9], &dom[14], &dom[19]), (&vec![0], &vec![5], &vec![10, 11], &vec![17, 18]));
        assert_eq!(Pattern::Spread.dependencies(2, 10)[10], [0, 3, 5, 7, 9]);
    }

    #[test]
    fn tasks_depend_on_the_step_before_only() {
        for pattern in Pattern::ALL {
            let all = pattern.dependencies(20, 8);
            let mut step_of = Vec::new();
            for step in 0..20 {
                step_of.extend(pattern.points(step, 20, 8).map(|_| step));
            }
            assert_eq!(all.len(), step_of.len());
            for (task, before) in all.iter().enumerate() {
                assert!(before.is_sorted_by(|a, b| a < b));
                let is_before = |&before: &u32| step_of[before as usize] + 1 == step_of[task];
                assert!(before.iter().all(is_before), "{pattern:?}, task {task}");
                let is_first = step_of[task] == 0 || pattern == Pattern::Trivial;
                assert_eq!(before.is_empty(), is_first, "{pattern:?}, task {task}");
            }
        }
    }
}
