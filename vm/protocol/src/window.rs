//! How much a host may send to an agent behind a serial port, which throws away what nobody has read in time.
//!
//! A port's driver keeps a few thousand bytes for a program that does not read at once, and drops the rest without a word (Linux: 4095, tty(4) of the
//! kernel's N_TTY; Windows: what `SetupComm` asks for). Virtual ports obey no handshake lines. So an agent on one says how many bytes it
//! takes ([`Reply::Window`]), first when it begins, then whenever it has read half of them; a host that was never told so sends as it likes.

use std::io::{self, Read};

use crate::Reply;

/// Bytes that may be on their way to an agent.
pub const WINDOW: u64 = 2048;

/// What an agent reads from, which tells the host how much it has read.
pub struct Windowed<R, T> {
    input: R,
    tell: T,
    taken: u64,
    told: u64,
}

impl<R: Read, T: FnMut(&Reply) -> io::Result<()>> Windowed<R, T> {
    /// Begins: nothing that was sent before counts. `tell` sends a reply to the host.
    ///
    /// # Errors
    /// When the line takes no more.
    pub fn begin(input: R, mut tell: T) -> io::Result<Self> {
        tell(&Reply::Window {
            begin: true,
            bytes: WINDOW,
        })?;
        Ok(Self {
            input,
            tell,
            taken: 0,
            told: WINDOW,
        })
    }
}

impl<R: Read, T: FnMut(&Reply) -> io::Result<()>> Read for Windowed<R, T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(bytes)?;
        self.taken += count as u64;
        // A host that sends more than it was told has itself to thank for what is lost.
        if self.taken + WINDOW / 2 >= self.told {
            self.told = self.taken + WINDOW;
            (self.tell)(&Reply::Window {
                begin: false,
                bytes: self.told,
            })?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told when so many bytes come in pieces of a size.
    fn told(bytes: usize, piece: usize) -> Vec<(bool, u64)> {
        let input = vec![0; bytes];
        let mut said = Vec::new();
        let tell = |reply: &Reply| {
            if let Reply::Window { begin, bytes } = reply {
                said.push((*begin, *bytes));
            }
            Ok(())
        };
        let mut windowed = Windowed::begin(&input[..], tell).expect("memory takes all");
        let mut buffer = vec![0; piece];
        while windowed.read(&mut buffer).expect("memory gives all") > 0 {}
        said
    }

    #[test]
    fn half_a_window_read_is_a_window_told() {
        assert_eq!(told(0, 64), [(true, 2048)]);
        assert_eq!(told(1023, 1), [(true, 2048)]);
        assert_eq!(told(1024, 1), [(true, 2048), (false, 3072)]);
        assert_eq!(told(5000, 5000), [(true, 2048), (false, 7048)]);
        assert_eq!(
            told(4096, 1500),
            [(true, 2048), (false, 3548), (false, 5048), (false, 6144)]
        );
    }
}
