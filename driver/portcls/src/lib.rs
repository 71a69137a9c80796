//! PortCls and KS as Rust sees them: interfaces, descriptors, GUIDs.
