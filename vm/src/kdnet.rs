//! Kernel debugging of a Windows guest over a network, KDNET: what one types in the guest and on the computer with WinDbg.
//!
//! Source: "Set up KDNET network kernel debugging manually", "BCDEdit /debug", "BCDEdit /dbgsettings" (learn.microsoft.com). Not seen on
//! Windows yet.

use std::fmt;

/// A port of those that are recommended.
pub const PORT: u16 = 50_000;
/// Digits of a key.
const DIGITS: [u8; 36] = *b"0123456789abcdefghijklmnopqrstuvwxyz";

/// What encrypts a connection: 256 bits, as four numbers with base 36.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u64; 4]);

impl Key {
    /// Of bytes that nobody can guess.
    #[must_use]
    pub fn of(bytes: &[u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let mut key = [0; 4];
        for (number, word) in key.iter_mut().zip(words) {
            *number = u64::from_le_bytes(*word);
        }
        Self(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mut number) in self.0.into_iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let mut digits = Vec::new();
            while number > 0 || digits.is_empty() {
                digits.push(DIGITS[(number % 36) as usize]);
                number /= 36;
            }
            digits.reverse();
            f.write_str(&String::from_utf8_lossy(&digits))?;
        }
        Ok(())
    }
}

/// A connection.
pub struct Kdnet<'a> {
    /// What encrypts it.
    pub key: Key,
    /// Address of the computer with WinDbg, as the guest sees it.
    pub host: &'a str,
    /// Bus, device and function of the guest's network adapter; nothing where it is no PCI device.
    pub adapter: Option<&'a str>,
}

impl Kdnet<'_> {
    /// For the computer with WinDbg.
    #[must_use]
    pub fn debugger(&self) -> String {
        format!("windbg -k net:port={PORT},key={}", self.key)
    }

    /// For an administrator's command prompt in the guest. The last line starts it anew, which connects.
    #[must_use]
    pub fn guest(&self) -> Vec<String> {
        let mut lines = vec![
            "bcdedit /debug on".to_owned(),
            format!(
                "bcdedit /dbgsettings net hostip:{} port:{PORT} key:{}",
                self.host, self.key
            ),
        ];
        lines.extend(
            self.adapter
                .map(|at| format!("bcdedit /set \"{{dbgsettings}}\" busparams {at}")),
        );
        lines.push("shutdown -r -t 0".into());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_four_numbers_with_base_36() {
        let check = |bytes: [u8; 32], expect: &str| {
            assert_eq!(Key::of(&bytes).to_string(), expect);
        };
        check([0; 32], "0.0.0.0");
        // 2^64 - 1, the largest: 13 digits, as the page says.
        let most = "3w5e11264sgsf";
        check([0xFF; 32], &[most; 4].join("."));
        let mut bytes = [0; 32];
        (bytes[0], bytes[8], bytes[16], bytes[25]) = (35, 36, 1, 1);
        check(bytes, "z.10.1.74");
    }

    #[test]
    fn the_lines_are_those_of_the_documentation() {
        let kdnet = Kdnet {
            key: Key::of(&[0; 32]),
            host: "10.0.2.2",
            adapter: Some("0.16.0"),
        };
        assert_eq!(kdnet.debugger(), "windbg -k net:port=50000,key=0.0.0.0");
        let expect = [
            "bcdedit /debug on",
            "bcdedit /dbgsettings net hostip:10.0.2.2 port:50000 key:0.0.0.0",
            r#"bcdedit /set "{dbgsettings}" busparams 0.16.0"#,
            "shutdown -r -t 0",
        ];
        assert_eq!(kdnet.guest(), expect);
        let adapter = None;
        assert_eq!(Kdnet { adapter, ..kdnet }.guest().len(), 3);
    }
}
