//! Where things are in a Linux guest.

/// The disk that comes in: programs and [`ORDER`].
pub(crate) const PAYLOAD: &str = "/payload";
/// The disk that goes home: logs, and whatever a session leaves.
pub(crate) const RESULT: &str = "/result";
/// Memory for what a session stages.
pub(crate) const SCRATCH: &str = "/tmp";
/// What the host wants of the agent, on the payload disk.
pub(crate) const ORDER: &str = "/payload/agent.json";
/// Kernel modules, in the order in which they are loaded.
pub(crate) const MODULES: &str = "/modules";
/// How often the machine came up, on the result disk.
pub(crate) const BOOTS: &str = "/result/boots.txt";
/// Name of the port of the host's line (`virtserialport,name=`).
pub(crate) const PORT: &str = "waverig";
