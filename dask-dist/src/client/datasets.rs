//! Results under a name, for other clients, beyond this one's life.

use dask_core::Error;
use dask_core::wire::{Decoder, Encoder, Parcel};

use super::answer::Answer;
use super::connection::Reply;
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
        let about = (std::any::type_name::<T>(), futures.iter().map(Future::shape).collect::<Vec<_>>());
        let mut out = Encoder::new();
        if let Err(error) = out.serde(&about) {
            return Answer::ready(error.into());
        }
        for future in futures {
            let checked = self.check_ours(future.wish());
            if let Err(error) = checked.and_then(|()| future.wish().error().map_or(Ok(()), Err)) {
                return Answer::ready(error);
            }
        }
        // Held until the answer is here.
        let held: Vec<_> = futures.iter().map(|future| future.wish().clone()).collect();
        let (name, about) = (name.to_owned(), out.finish("").bytes().to_vec());
        let futures = held.iter().map(|wish| wish.id).collect();
        let asked = self.connection.ask(|request| FromClient::Publish { request, name, futures, about });
        Answer::new(&self.connection, async move {
            asked.reply().await?;
            drop(held);
            Ok(())
        })
    }

    /// The futures published under a name. Fails if nothing is, or if they are of another type.
    pub fn dataset<T: 'static>(&self, name: &str) -> Answer<Vec<Future<T>>> {
        let asked = self.connection.ask_dataset(name);
        let what = format!("dataset {name:?}");
        Answer::new(&self.connection, async move {
            let Reply::Dataset { wishes, about } = asked.reply().await? else {
                return Err(DistError::NoAnswer { what: "a dataset" }.into());
            };
            let about = Parcel::from_parts("", about, Vec::new());
            let (found, shapes): (String, Vec<Vec<u32>>) = Decoder::new(&about).serde()?;
            let expected = std::any::type_name::<T>();
            if found != expected {
                return Err(Error::WrongType { what, expected: expected.to_owned(), found });
            }
            Ok(wishes.into_iter().zip(&shapes).map(|(wish, shape)| Future::new(wish, shape)).collect())
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
