//! Count, sum, extrema, mean, variance.

use std::ops::Add;

use dask_core::delayed::{call_pure, try_call_pure};
use dask_core::{Data, TaskError};

use crate::fold::SPLIT_EVERY;
use crate::{Bag, Item};

/// What can be added up.
///
/// ```
/// use dask_bag::Bag;
/// use dask_core::Collection;
/// #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
/// struct Cents(i64);
/// dask_core::data!(Cents);
/// impl std::ops::Add for Cents {
///     type Output = Self;
///     fn add(self, other: Self) -> Self {
///         Self(self.0 + other.0)
///     }
/// }
/// assert_eq!(Bag::range(4, 2).map(Cents).sum().compute()?, Cents(6));
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Summable: Data + Clone + Add<Output = Self> + Default {}
impl<T: Data + Clone + Add<Output = Self> + Default> Summable for T {}

impl<T: Data + Clone> Bag<T> {
    /// How many items there are.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(10, 3).count().compute()?, 10);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn count(&self) -> Item<u64> {
        self.tree("count", SPLIT_EVERY, |items| Ok(items.len() as u64), |counts| Ok(counts.into_iter().sum()))
    }

    /// The sum; of nothing, the type's default.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(10, 3).sum().compute()?, 45);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn sum(&self) -> Item<T>
    where
        T: Summable,
    {
        let sum = |items: Vec<T>| Ok(items.into_iter().fold(T::default(), Add::add));
        self.tree("sum", SPLIT_EVERY, sum, sum)
    }

    /// The smallest item. Computing it fails if there are none.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let words = Bag::from_sequence(["b", "a", "c"].map(String::from), 2);
    /// assert_eq!(words.min().compute()?, "a");
    /// assert!(words.filter(|_| false).min().compute().is_err());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn min(&self) -> Item<T>
    where
        T: Ord,
    {
        self.extremum("min", |items| items.into_iter().min())
    }

    /// The largest item. Computing it fails if there are none.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(10, 3).max().compute()?, 9);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn max(&self) -> Item<T>
    where
        T: Ord,
    {
        self.extremum("max", |items| items.into_iter().max())
    }

    fn extremum<F>(&self, what: &'static str, f: F) -> Item<T>
    where
        F: Fn(Vec<T>) -> Option<T> + Clone + Send + Sync + 'static,
    {
        let again = f.clone();
        let found = self.tree(
            what,
            SPLIT_EVERY,
            move |items| Ok(f(items)),
            move |found| Ok(again(found.into_iter().flatten().collect())),
        );
        let some = |found: Option<T>| found.ok_or_else(|| TaskError::from("the smallest or largest of no items"));
        try_call_pure(some, (found,))
    }

    /// Whether some item is true.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert!(Bag::range(10, 3).any(|x| *x > 8).compute()?);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn any<F>(&self, f: F) -> Item<bool>
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.tree("any", SPLIT_EVERY, move |items| Ok(items.iter().any(&f)), |found| Ok(found.contains(&true)))
    }

    /// Whether every item is true.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert!(!Bag::range(10, 3).all(|x| *x > 8).compute()?);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn all<F>(&self, f: F) -> Item<bool>
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.tree("all", SPLIT_EVERY, move |items| Ok(items.iter().all(&f)), |found| Ok(!found.contains(&false)))
    }
}

/// Count, mean, and sum of squared differences from the mean.
type Moments = (u64, f64, f64);

impl<T: Data + Clone + Into<f64>> Bag<T> {
    /// The mean. Computing it fails if there are no items.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let heights = Bag::from_sequence([1.0, 2.0, 4.0, 5.0], 2);
    /// assert_eq!(heights.mean().compute()?, 3.0);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn mean(&self) -> Item<f64> {
        let mean = |(n, mean, _): Moments| if n == 0 { Err("the mean of no items") } else { Ok(mean) };
        try_call_pure(mean, (self.moments(),))
    }

    /// The variance: squared differences from the mean, divided by the number of items less `ddof` (0 for that of these
    /// items, 1 for an estimate from a sample). Computing it fails unless there are more than `ddof` items.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let heights = Bag::from_sequence([1.0, 2.0, 4.0, 5.0], 2);
    /// assert_eq!(heights.var(0).compute()?, 2.5);
    /// assert!((heights.var(1).compute()? - 10.0 / 3.0).abs() < 1e-12);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn var(&self, ddof: u64) -> Item<f64> {
        let divide = |(n, _, m2): Moments, ddof: u64| {
            if n > ddof {
                Ok(m2 / (n - ddof) as f64)
            } else {
                Err(format!("the variance of {n} items with ddof {ddof}"))
            }
        };
        try_call_pure(divide, (self.moments(), ddof))
    }

    /// The square root of [`var`](Bag::var).
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let heights = Bag::from_sequence([1.0, 2.0, 4.0, 5.0], 2);
    /// assert!((heights.std(0).compute()? - 2.5f64.sqrt()).abs() < 1e-12);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn std(&self, ddof: u64) -> Item<f64> {
        call_pure(f64::sqrt, (self.var(ddof),))
    }

    /// Pairwise merging of moments: Chan, Golub, LeVeque, *Updating formulae and a pairwise algorithm for computing
    /// sample variances* (1979).
    fn moments(&self) -> Item<Moments> {
        let merge = |(n, mean, m2): Moments, (k, of, s2): Moments| {
            if k == 0 {
                return (n, mean, m2);
            }
            let (total, delta) = ((n + k) as f64, of - mean);
            (n + k, mean + delta * k as f64 / total, m2 + s2 + delta * delta * n as f64 * k as f64 / total)
        };
        self.tree(
            "moments",
            SPLIT_EVERY,
            move |items| Ok(items.into_iter().fold((0, 0.0, 0.0), |state, x| merge(state, (1, x.into(), 0.0)))),
            move |states| Ok(states.into_iter().fold((0, 0.0, 0.0), merge)),
        )
    }
}
