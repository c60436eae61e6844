//! Results under a name, for other clients, beyond this one's life.

use std::sync::Arc;

use dask_core::layer::Materialized;
use dask_core::wire::{Decoder, Encoder, WireError};
use dask_core::{Describe, Error, LayerRef, Name, Result};

use super::answer::Answer;
use super::connection::Reply;
use super::remote::RemoteFuture;
use super::wish::Wish;
use super::{Client, Future};
use crate::DistError;
use crate::protocol::{FromClient, ToClient};

impl Client {
    /// Keeps results on the cluster under a name, until somebody [unpublishes](Client::unpublish) it.
    ///
    /// ```
    /// use dask_dist::Client;
    /// let client = Client::local()?;
    /// client.publish("squares", &client.map(|x: i64| x * x, 0..3)?).wait()?;
    /// let again = client.dataset::<i64>("squares").wait()?;
    /// assert_eq!(client.gather(&again).wait()?, [0, 1, 4]);
    /// client.unpublish("squares").wait()?;
    /// assert!(client.datasets().wait()?.is_empty());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// Fails if the name is taken, or if one of the futures is cancelled or another client's.
    pub fn publish<T>(&self, name: &str, futures: &[Future<T>]) -> Answer<()> {
        let mut about = Encoder::new();
        if let Err(error) = about.serde(&head::<T>(futures.iter().map(Future::shape))) {
            return Answer::ready(error.into());
        }
        self.publish_all(name, futures.iter().map(|future| future.wish().clone()).collect(), about)
    }

    /// Keeps a collection on the cluster under a name: its blocks are computed there if they are not there yet, and stay
    /// until somebody [unpublishes](Client::unpublish) it. Whoever asks for it by [`published`](Client::published) goes
    /// on from them.
    ///
    /// ```
    /// use dask_array::{Array, Computed};
    /// use dask_core::Collection;
    /// use dask_dist::Client;
    /// let client = Client::local()?;
    /// client.publish_collection("ones", &Array::<f64>::ones(&[6, 6], 3)?).wait()?;
    /// let again = client.published::<Array<f64>>("ones").wait()?;
    /// let sum = client.compute(&again.sum(None, false)?)?.result()?;
    /// assert_eq!(sum.into_scalar()?, 36.0);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// Fails if the name is taken, or as [`persist`](Client::persist).
    pub fn publish_collection<C: Describe>(&self, name: &str, collection: &C) -> Answer<()> {
        let layers = collection.layers();
        let head = head::<C>(layers.iter().map(|layer| layer.layer().shape()));
        let names: Vec<&Name> = layers.iter().map(LayerRef::name).collect();
        let mut about = Encoder::new();
        let described = about.serde(&head).and_then(|()| about.serde(&names));
        if let Err(error) = described.and_then(|()| collection.describe(&mut about)) {
            return Answer::ready(error.into());
        }
        match self.send_layers(&layers) {
            Ok(wishes) => self.publish_all(name, wishes, about),
            Err(error) => Answer::ready(error),
        }
    }

    /// Publishes results with what is to be known of them.
    fn publish_all(&self, name: &str, held: Vec<Arc<Wish>>, about: Encoder) -> Answer<()> {
        for wish in &held {
            let checked = self.check_ours(wish);
            if let Err(error) = checked.and_then(|()| wish.error().map_or(Ok(()), Err)) {
                return Answer::ready(error);
            }
        }
        let (name, about) = (name.to_owned(), about.into_bytes());
        let futures = held.iter().map(|wish| wish.id).collect();
        let asked = self.connection.ask(|request| FromClient::Publish { request, name, futures, about });
        Answer::new(&self.connection, async move {
            asked.reply().await?;
            // Held until the answer is here.
            drop(held);
            Ok(())
        })
    }

    /// The futures published under a name. Fails if nothing is, or if they are of another type.
    pub fn dataset<T: 'static>(&self, name: &str) -> Answer<Vec<Future<T>>> {
        let asked = self.connection.ask_dataset(name);
        let name = name.to_owned();
        Answer::new(&self.connection, async move {
            let (wishes, about) = dataset_of(asked.reply().await?)?;
            let shapes = shapes_of::<T>(&name, &mut Decoder::of_bytes(&about))?;
            Ok(wishes.into_iter().zip(&shapes).map(|(wish, shape)| Future::new(wish, shape)).collect())
        })
    }

    /// The collection [published](Client::publish_collection) under a name: what is computed of it begins with the
    /// blocks that are on the cluster. Fails if nothing is, or if it is of another type.
    pub fn published<C: Describe + Send + 'static>(&self, name: &str) -> Answer<C> {
        let asked = self.connection.ask_dataset(name);
        let name = name.to_owned();
        Answer::new(&self.connection, async move {
            let (wishes, about) = dataset_of(asked.reply().await?)?;
            let mut about = Decoder::of_bytes(&about);
            let shapes = shapes_of::<C>(&name, &mut about)?;
            let names: Vec<Name> = about.serde()?;
            let n_blocks = |shape: &Vec<u32>| shape.iter().try_fold(1_usize, |n, &m| n.checked_mul(m as usize));
            let sizes: Option<Vec<usize>> = shapes.iter().map(n_blocks).collect();
            let fit = |sizes: &Vec<usize>| {
                names.len() == sizes.len()
                    && sizes.iter().try_fold(0_usize, |sum, &n| sum.checked_add(n)) == Some(wishes.len())
            };
            let Some(sizes) = sizes.filter(fit) else {
                let found = format!("{} blocks for {} layers of shapes {shapes:?}", wishes.len(), names.len());
                return Err(WireError::Codec(format!("dataset {name:?}: {found}")).into());
            };
            let mut wishes = wishes.into_iter();
            let layers = names.into_iter().zip(&shapes).zip(sizes).map(|((name, shape), n)| {
                Materialized::values(name, shape, wishes.by_ref().take(n).map(|wish| RemoteFuture::value(&wish)))
            });
            C::from_description(layers.collect(), &mut about)
        })
    }

    /// Forgets a published name; the results go when nobody wants them. Fails if there is none of this name.
    pub fn unpublish(&self, name: &str) -> Answer<()> {
        let name = name.to_owned();
        self.ask_ok(|request| FromClient::Unpublish { request, name })
    }

    /// The names of what is published, sorted.
    pub fn datasets(&self) -> Answer<Vec<String>> {
        self.ask_for(
            "the names of datasets",
            |request| FromClient::Datasets { request },
            |reply| match reply {
                ToClient::Datasets { names, .. } => Some(names),
                _ => None,
            },
        )
    }
}

/// What stands first in what is said about a dataset: its type, and the shapes of its parts.
fn head<'a, T>(shapes: impl Iterator<Item = &'a [u32]>) -> (&'static str, Vec<&'a [u32]>) {
    (std::any::type_name::<T>(), shapes.collect())
}

fn dataset_of(reply: Reply) -> Result<(Vec<Arc<Wish>>, Vec<u8>)> {
    match reply {
        Reply::Dataset { wishes, about } => Ok((wishes, about)),
        _ => Err(DistError::NoAnswer { what: "a dataset" }.into()),
    }
}

/// The shapes of its parts, if it is of this type.
fn shapes_of<T>(name: &str, about: &mut Decoder<'_>) -> Result<Vec<Vec<u32>>> {
    let (found, shapes): (String, Vec<Vec<u32>>) = about.serde()?;
    let expected = std::any::type_name::<T>();
    if found == expected {
        return Ok(shapes);
    }
    Err(Error::WrongType { what: format!("dataset {name:?}"), expected: expected.to_owned(), found })
}
