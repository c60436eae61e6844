//! Values of this process, sent to workers.

use dask_core::{Data, Error, Key, Name, Result, Token, Tokenize, Value};

use super::{Client, Future};
use crate::protocol::FromClient;

/// Where scattered values go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// Each to one worker, where there is room.
    #[default]
    One,
    /// To every worker.
    Broadcast,
}

impl Client {
    /// Sends a value to a worker: a future of it. Returns at once; the value is on its way.
    ///
    /// ```
    /// use dask_dist::Client;
    /// let client = Client::local()?;
    /// let table = client.scatter(vec![10i64, 20, 30])?;
    /// let second = client.submit(|table: Vec<i64>, i: u64| table[i as usize], (&table, 1u64))?;
    /// assert_eq!(second.result()?, 20);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::CannotTravel`] for a type without an encoding; if the scheduler is gone.
    pub fn scatter<T: Data>(&self, value: T) -> Result<Future<T>> {
        self.scatter_as(Name::tokened("scatter", Token::unique()), value, Spread::One)
    }

    /// Sends a value to every worker; a large one to one of many, from which the others have it.
    ///
    /// # Errors
    /// As [`scatter`](Client::scatter).
    pub fn broadcast<T: Data>(&self, value: T) -> Result<Future<T>> {
        self.scatter_as(Name::tokened("scatter", Token::unique()), value, Spread::Broadcast)
    }

    /// As [`scatter`](Client::scatter), under a key made of the content: equal values are one.
    ///
    /// # Errors
    /// As [`scatter`](Client::scatter).
    pub fn scatter_pure<T: Data + Tokenize>(&self, value: T, spread: Spread) -> Result<Future<T>> {
        let name = Name::tokened("scatter", Token::of(&(std::any::type_name::<T>(), &value)));
        self.scatter_as(name, value, spread)
    }

    /// Sends each value to some worker, as evenly as the scheduler sees fit.
    ///
    /// # Errors
    /// As [`scatter`](Client::scatter).
    pub fn scatter_each<T: Data>(&self, values: impl IntoIterator<Item = T>) -> Result<Vec<Future<T>>> {
        values.into_iter().map(|value| self.scatter(value)).collect()
    }

    fn scatter_as<T: Data>(&self, name: Name, value: T, spread: Spread) -> Result<Future<T>> {
        let key = Key::from(name.clone());
        let mut value = Value::new(value);
        let nbytes = value.nbytes() as u64;
        if !self.connection.is_in_process() {
            let cannot = |source| Error::CannotTravel { key: Box::new(key.clone()), source };
            value = Value::encoded(value.to_parcel().map_err(cannot)?);
        }
        let id = self.connection.new_ids(1);
        let wish = self.connection.wish(id, id, key, Some(value));
        let scatter = FromClient::Scatter {
            future: id,
            name,
            nbytes,
            broadcast: spread == Spread::Broadcast,
            workers: self.options.restrictions.workers.clone(),
        };
        self.connection.send(scatter, Vec::new())?;
        Ok(Future::new(wish, &[]))
    }
}
