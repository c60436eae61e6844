//! Data frames over Arrow record batches. Nothing is here yet.
