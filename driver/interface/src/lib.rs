//! The public interface of the driver's tap: GUID, IOCTLs, structures.
