//! Reference signals and their measurement.
