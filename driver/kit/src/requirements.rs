//! What the host needs before the driver can be built, and the commands that add it.
