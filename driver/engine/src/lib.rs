//! The driver's portable heart: clock, cyclic buffer, formats, starvation.
