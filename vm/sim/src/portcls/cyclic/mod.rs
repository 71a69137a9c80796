//! The WaveCyclic port: a filter whose audio comes as requests and is copied by the port into a buffer of the miniport's, on each
//! notification, ahead of the play position.
//!
//! | file | what |
//! |---|---|
//! | [`port`] | `IPortWaveCyclic`: notifications, new DMA channels |
//! | [`service`] | service groups, and the DPC that serves them |
//! | [`dma`], [`channel`] | PortCls's DMA channel, and a stream's channel, whoever implements it |
//! | [`opening`] | how a stream is made and what it is asked then |
//! | [`stream`] | an open stream: states, positions, what must hold of them |
//! | [`flow`] | how far everything is: played, copied, silent; no call to the driver |
//! | [`request`] | `IOCTL_KS_WRITE_STREAM` |
//!
//! Render streams only: no driver here records through this port.

mod channel;
mod dma;
mod flow;
mod opening;
pub(super) mod port;
pub(super) mod request;
pub(crate) mod service;
pub(super) mod stream;
#[cfg(test)]
mod tests;

pub(crate) use request::IOCTL_KS_WRITE_STREAM;
pub(super) use stream::Stream;
