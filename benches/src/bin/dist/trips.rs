//! One call at a time: from the submission to the result.

use std::hint::black_box;
use std::time::Instant;

use dask_benches::rows::Row;
use dask_benches::timing::{median, quantile};

use crate::{Options, Outcome, two_workers};

const TRIPS: i64 = 1000;
const TO_WARM_UP: i64 = 100;

fn inc(x: i64) -> i64 {
    x + 1
}

pub(crate) fn measure(_options: &Options) -> Outcome<Vec<Row>> {
    let cluster = two_workers().start()?;
    let client = cluster.client()?;
    let mut trips = Vec::new();
    for i in -TO_WARM_UP..TRIPS {
        let start = Instant::now();
        black_box(client.submit(inc, (i,))?.result()?);
        if 0 <= i {
            trips.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(vec![
        Row::cost("submit to result, p50 of 1000", "µs", median(trips.clone())).to_reach(150.0),
        Row::cost("submit to result, p99 of 1000", "µs", quantile(trips, 0.99)),
    ])
}
