//! What can be wrong with a reply.

use std::fmt;

/// A reply that the tap's interface does not allow. It comes from a broken driver, or from a device that is not the tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Fewer bytes than the structure has.
    Short {
        /// Which reply.
        reply: &'static str,
        /// Bytes it must have at least.
        need: usize,
        /// Bytes it has.
        got: usize,
    },
    /// More bytes than the block says it has.
    Long {
        /// Bytes it should have.
        need: usize,
        /// Bytes it has.
        got: usize,
    },
    /// The driver chose a version that was not offered.
    Version(u16),
    /// A field has a value that it never can have.
    Field {
        /// Name of the structure and the field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// Two fields of a block contradict each other.
    Contradiction(&'static str),
    /// A block does not start where the one before ended plus what was reported lost.
    Hole {
        /// Generation of the block.
        generation: u32,
        /// Index it should start with.
        expected: u64,
        /// Index it starts with.
        got: u64,
    },
    /// A block belongs to an older generation than the one before.
    OldGeneration {
        /// Generation of the block before.
        before: u32,
        /// Generation of this block.
        got: u32,
    },
    /// A block has an earlier time than the one before.
    TimeBackwards {
        /// Ticks of the performance counter of the block before.
        before: i64,
        /// Ticks of this block.
        got: i64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { reply, need, got } => {
                write!(
                    f,
                    "the tap's {reply} reply has {got} bytes of at least {need}"
                )?;
            }
            Self::Long { need, got } => write!(
                f,
                "the tap's reply has {got} bytes, but its header says {need}"
            )?,
            Self::Version(version) => write!(
                f,
                "the tap chose interface version {version}, which was not offered"
            )?,
            Self::Field { field, value } => write!(
                f,
                "the tap answered {field} = {value}, which is out of range"
            )?,
            Self::Contradiction(what) => write!(f, "the tap's block contradicts itself: {what}")?,
            Self::Hole {
                generation,
                expected,
                got,
            } => write!(
                f,
                "the tap's block starts with frame {got} of generation {generation}, but frame {expected} is next by its own account"
            )?,
            Self::OldGeneration { before, got } => {
                write!(f, "the tap went from generation {before} back to {got}")?;
            }
            Self::TimeBackwards { before, got } => {
                write!(
                    f,
                    "the tap's block was due at tick {got}, before the last one's {before}"
                )?;
            }
        }
        f.write_str("; check that device and driver are waverig's and of one version")
    }
}

impl std::error::Error for Error {}
