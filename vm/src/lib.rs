//! Test machines behind one trait.
