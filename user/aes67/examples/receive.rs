//! Prints what comes to a group: the time of day at which a packet came, in nanoseconds, and its bytes. The tests look at streams and
//! announcements with it.
//!
//! ```text
//! cargo run -p waverig-aes67 --example receive -- INTERFACE GROUP PORT
//! ```

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().context("INTERFACE GROUP PORT");
    let interface: Ipv4Addr = word()?.parse()?;
    let group: Ipv4Addr = word()?.parse()?;
    let socket = waverig_aes67::net::listen(interface, group, word()?.parse()?)?;
    let mut out = std::io::stdout();
    writeln!(out, "listening")?;
    let mut buffer = [0; 2048];
    loop {
        let length = socket.recv(&mut buffer)?;
        let came = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let mut line = came.as_nanos().to_string();
        line.push(' ');
        for byte in &buffer[..length] {
            line += &format!("{byte:02x}");
        }
        // Whoever reads it has gone: no more is wanted.
        if writeln!(out, "{line}").is_err() {
            return Ok(());
        }
    }
}
