//! Audio of the driver's tap as an AES67 stream: what is sent, when, and in whose time.
//!
//! | module | what it is for |
//! |---|---|
//! | [`media`] | encoding, rate, packet time; the media clock that time stamps count |
//! | [`sample`] | samples of the tap as samples of the stream |
//! | [`rtp`] | packets |
//! | [`sdp`] | the description of a stream |
//! | [`sap`] | its announcement |
#![forbid(unsafe_code)]

pub mod media;
pub mod rtp;
pub mod sample;
pub mod sap;
pub mod sdp;
