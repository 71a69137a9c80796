//! What goes wrong on purpose, to show that the host copes with it. Ordered on the payload disk only; no request can ask for it.

use std::fs::{self, File};
use std::io::Write;

use rustix::mount::MountFlags;
use serde::Deserialize;
use waverig_protocol::{HELD, Reply, Request, frame};

use crate::order::Order;
use crate::places::{PAYLOAD, RESULT};
use crate::{init, power};

/// One thing that goes wrong.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sabotage {
    /// What.
    what: What,
    /// At which request ([`Request::name`]); `boot` is before the agent says that it is up.
    at: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// Nothing happens any more.
    Hang,
    /// The kernel crashes.
    Crash,
    /// The agent ends; the first process starts another.
    Die,
    /// The machine starts anew, unasked.
    Restart,
    /// The machine ends, unasked.
    PowerOff,
    /// The first half of a frame, then nothing.
    Truncate,
    /// A frame with one wrong bit.
    Garble,
    /// Something that is no frame at all, then everything goes on.
    Noise,
    /// The result disk takes no more.
    Fill,
    /// The package on the payload disk is not found.
    Hide,
}

/// Before the agent is up.
pub(crate) fn at_boot(order: &Order) {
    if let Some(sabotage) = order.sabotage.as_ref().filter(|it| it.at == "boot") {
        println!("waverig-agent: {sabotage:?} on purpose");
        leave_dump(order);
        sabotage.what.happen(&mut std::io::sink());
    }
}

/// Before `request` is carried out.
pub(crate) fn before(order: &Order, request: &Request, line: &mut impl Write) {
    if let Some(sabotage) = order.sabotage.as_ref().filter(|it| it.at == request.name()) {
        println!("waverig-agent: {sabotage:?} on purpose");
        leave_dump(order);
        sabotage.what.happen(line);
    }
}

/// Writes the dump that a Windows kernel would write now.
fn leave_dump(order: &Order) {
    let Some(name) = &order.dump else { return };
    let left = fs::copy(format!("{PAYLOAD}/{name}"), format!("{RESULT}/{name}"))
        .and_then(|_| File::open(format!("{RESULT}/{name}"))?.sync_all());
    if let Err(error) = left {
        told(&error);
    }
}

impl What {
    fn happen(self, line: &mut impl Write) {
        let reply = Reply::Log {
            line: "this is not what you are waiting for".into(),
        };
        let mut whole = Vec::new();
        // Memory takes everything.
        let _ = frame::write(&mut whole, &reply, &[]);
        match self {
            Self::Hang => hang(),
            Self::Crash => told(&power::crash()),
            Self::Restart => told(&power::restart()),
            Self::PowerOff => told(&power::off()),
            Self::Die => std::process::exit(9),
            Self::Truncate => {
                let _ = line.write_all(&whole[..whole.len() / 2]);
                hang();
            }
            Self::Garble => {
                let middle = whole.len() / 2;
                whole[middle] ^= 1;
                let _ = line.write_all(&whole);
                hang();
            }
            Self::Noise => {
                let _ =
                    line.write_all(b"[  12.345678] usb 1-1: WVR is no frame, WVRWVR neither\r\n");
            }
            Self::Fill => fill(),
            Self::Hide => hide(),
        }
    }
}

fn hang() {
    loop {
        std::thread::park();
    }
}

fn told(error: &std::io::Error) {
    println!("waverig-agent: that was impossible: {error}");
}

fn hide() {
    let held = format!("{PAYLOAD}/{HELD}");
    if let Err(error) = init::mounted("tmpfs", &held, "tmpfs", MountFlags::empty()) {
        println!("waverig-agent: that was impossible: {error:#}");
    }
}

fn fill() {
    let piece = vec![0x55; 1 << 20];
    if let Ok(mut file) = File::create(format!("{RESULT}/filler")) {
        while file.write_all(&piece).is_ok() {}
        while file.write_all(&piece[..1]).is_ok() {}
    }
}
