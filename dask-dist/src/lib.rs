//! The cluster: scheduler, workers, client. Nothing is here yet.
