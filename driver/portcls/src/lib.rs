//! PortCls and Kernel Streaming as Rust sees them: the binary interface between an audio driver and `portcls.sys`.
//!
//! Everything here is layout and numbers taken from the headers of the Windows driver kit (`portcls.h`, `ks.h`,
//! `ksmedia.h`, `drmk.h`, `punknown.h`, `devpropdef.h`); no item knows a particular driver, and nothing here calls Windows, so
//! the crate builds on any host. A driver uses it from below (it implements miniports), a test kernel from above
//! (it implements ports).
//!
//! Names keep the spelling of the headers where they name the same thing, so that they can be looked up.
//!
//! # Calling convention
//! A vtable slot is an `extern "efiapi"` function. That is Rust's one spelling for "Microsoft's convention for this
//! processor" on every host: `win64` on x86-64, the C convention on ARM64. `extern "system"` would be wrong in a
//! Linux process that calls into a driver image.
//!
//! # Interfaces
//! An interface pointer points to a pointer to a table of functions. A derived interface's table begins with its
//! base's, as the field `base`. Every `this` is a `*mut c_void`, so that a method of a base can be called through a
//! derived pointer without a cast at the type level; [`com`] has the owning pointer and the objects.
#![no_std]
#![allow(
    non_camel_case_types,
    reason = "names are those of the Windows headers"
)]
#![allow(non_snake_case, reason = "fields are those of the Windows headers")]
#![allow(
    non_upper_case_globals,
    reason = "constants are those of the Windows headers"
)]

#[cfg(test)]
extern crate std;

pub mod com;
mod cyclic;
mod descriptor;
mod drm;
mod format;
mod guid;
pub mod id;
mod jack;
mod miniport;
mod opaque;
mod packet;
mod pin;
mod pnp;
mod port;
mod power;
mod property;
mod request;
mod resource;
mod rtaudio;
pub mod status;
mod stream;
mod unknown;
mod wave;

pub use cyclic::*;
pub use descriptor::*;
pub use drm::*;
pub use format::*;
pub use guid::Guid;
pub use jack::*;
pub use miniport::*;
pub use opaque::*;
pub use packet::*;
pub use pin::*;
pub use pnp::*;
pub use port::*;
pub use power::*;
pub use property::*;
pub use request::*;
pub use resource::*;
pub use rtaudio::*;
pub use status::NTSTATUS;
pub use stream::*;
pub use unknown::*;
pub use wave::*;
