//! What the host and the program in a test machine say to each other.
