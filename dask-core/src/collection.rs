//! What all lazy collections share: layers, output keys, and how the values become a result.

use crate::default_scheduler::current_scheduler;
use crate::error::Result;
use crate::key::Key;
use crate::layer::{LayerGraph, LayerRef, Materialized};
use crate::run_context::RunContext;
use crate::scheduler::Scheduler;
use crate::value::Value;

/// A lazy collection.
pub trait Collection {
    /// What computing it gives.
    type Output;

    /// The layers whose blocks are its outputs; everything behind them comes along.
    fn layers(&self) -> Vec<LayerRef>;

    /// The keys of its outputs; by default all keys of its layers.
    fn keys(&self) -> Vec<Key> {
        self.layers().iter().flat_map(LayerRef::keys).collect()
    }

    /// Puts the result together from the values of [`keys`](Collection::keys).
    ///
    /// # Errors
    /// If the values do not fit together.
    fn assemble(&self, values: Vec<Value>) -> Result<Self::Output>;

    /// The same collection on other layers, which have the same names and grids: used by [`persist`](Collection::persist).
    #[must_use]
    fn with_layers(&self, layers: Vec<LayerRef>) -> Self
    where
        Self: Sized;

    /// Computes it with the [current scheduler](crate::current_scheduler).
    ///
    /// # Errors
    /// [`Error::NoScheduler`](crate::Error::NoScheduler), or what failed, with its key.
    fn compute(&self) -> Result<Self::Output> {
        self.compute_with(&*current_scheduler()?, &RunContext::current())
    }

    /// Computes it with this scheduler.
    ///
    /// # Errors
    /// What failed, with its key.
    fn compute_with(&self, scheduler: &dyn Scheduler, context: &RunContext) -> Result<Self::Output> {
        let graph = LayerGraph::new(&self.layers())?;
        self.assemble(scheduler.run(&crate::optimize::optimize(&graph, &self.keys()), &self.keys(), context)?)
    }

    /// Draws its graph to a `.dot` file, or to an `.svg` file with the feature `svg`.
    ///
    /// # Errors
    /// A path of another ending, a graph too large to draw, or what the system said; see [`crate::visualize`].
    fn visualize(&self, path: impl AsRef<std::path::Path>, options: crate::visualize::DrawOptions) -> Result<()>
    where
        Self: Sized,
    {
        crate::visualize::Drawing::new(&LayerGraph::new(&self.layers())?, &self.keys(), options)?.write(path)
    }

    /// Computes it and keeps the blocks in memory: the same collection, with nothing left to do.
    ///
    /// # Errors
    /// As [`compute`](Collection::compute).
    fn persist(&self) -> Result<Self>
    where
        Self: Sized,
    {
        let layers = self.layers();
        let keys: Vec<Key> = layers.iter().flat_map(LayerRef::keys).collect();
        let graph = crate::optimize::optimize(&LayerGraph::new(&layers)?, &keys);
        let mut values = current_scheduler()?.persist(&graph, &keys, &RunContext::current())?.into_iter();
        let persisted = layers.iter().map(|layer| {
            let n = layer.layer().n_tasks() as usize;
            Materialized::values(layer.name().clone(), layer.layer().shape(), values.by_ref().take(n))
        });
        Ok(self.with_layers(persisted.collect()))
    }
}

/// Computes several collections in one graph; what they share runs once.
///
/// # Errors
/// As [`Collection::compute`].
pub fn compute<C: Collection>(collections: C) -> Result<C::Output> {
    collections.compute()
}

impl<C: Collection> Collection for &C {
    type Output = C::Output;
    fn layers(&self) -> Vec<LayerRef> {
        (**self).layers()
    }
    fn keys(&self) -> Vec<Key> {
        (**self).keys()
    }
    fn assemble(&self, values: Vec<Value>) -> Result<Self::Output> {
        (**self).assemble(values)
    }
    fn with_layers(&self, _layers: Vec<LayerRef>) -> Self {
        self
    }
}

impl<C: Collection> Collection for Vec<C> {
    type Output = Vec<C::Output>;
    fn layers(&self) -> Vec<LayerRef> {
        self.iter().flat_map(Collection::layers).collect()
    }
    fn keys(&self) -> Vec<Key> {
        self.iter().flat_map(Collection::keys).collect()
    }
    fn assemble(&self, values: Vec<Value>) -> Result<Self::Output> {
        let mut values = values.into_iter();
        self.iter().map(|c| c.assemble(values.by_ref().take(c.keys().len()).collect())).collect()
    }
    fn with_layers(&self, layers: Vec<LayerRef>) -> Self {
        let mut layers = layers.into_iter();
        self.iter().map(|c| c.with_layers(layers.by_ref().take(c.layers().len()).collect())).collect()
    }
}

macro_rules! tuples {
    ($($($C:ident $i:tt),+;)*) => {$(
        impl<$($C: Collection),+> Collection for ($($C,)+) {
            type Output = ($($C::Output,)+);
            fn layers(&self) -> Vec<LayerRef> {
                let mut layers = Vec::new();
                $(layers.extend(self.$i.layers());)+
                layers
            }
            fn keys(&self) -> Vec<Key> {
                let mut keys = Vec::new();
                $(keys.extend(self.$i.keys());)+
                keys
            }
            fn assemble(&self, values: Vec<Value>) -> Result<Self::Output> {
                let mut values = values.into_iter();
                Ok(($(self.$i.assemble(values.by_ref().take(self.$i.keys().len()).collect())?,)+))
            }
            fn with_layers(&self, layers: Vec<LayerRef>) -> Self {
                let mut layers = layers.into_iter();
                ($(self.$i.with_layers(layers.by_ref().take(self.$i.layers().len()).collect()),)+)
            }
        }
    )*};
}
tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
