//! Client of the driver's tap: rendered frames with their times.
