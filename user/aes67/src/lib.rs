//! Audio of the driver's tap as an AES67 stream: what is sent, when, and in whose time.
//!
//! | module | what it is for |
//! |---|---|
//! | [`media`] | encoding, rate, packet time; the media clock that time stamps count |
//! | [`sample`] | samples of the tap as samples of the stream |
//! | [`rtp`] | packets |
//! | [`timeline`] | which frame of the media clock each frame is |
//! | [`stream`] | blocks in, packets out: the three of them together |
//! | [`steer`] | the rate that the device's clock is to have |
//! | [`sdp`], [`sap`] | the description of a stream, and its announcement |
//! | [`ptp`] | the grandmaster's time over this host's |
//! | [`clock`], [`net`] | this host's time, and its sockets |
//! | [`feed`] | what the tap gives, block by block; its requests are in `tap`, on Windows |
//! | [`source`], [`paced`] | a tone or a file, sent by the media clock |
//! | [`session`] | a stream on the network, from the first description to the last packet |
//! | [`words`], [`told`] | what people say and read |
//!
//! Sockets are in [`net`], [`session`] and [`ptp::thread`]; everything else decides.
#![deny(unsafe_code)]

pub mod clock;
pub mod feed;
pub mod media;
pub mod net;
pub mod paced;
pub mod ptp;
pub mod rtp;
pub mod sample;
pub mod sap;
pub mod sdp;
pub mod session;
pub mod source;
pub mod steer;
pub mod stream;
#[cfg(windows)]
pub mod tap;
pub mod timeline;
pub mod told;
pub mod words;
