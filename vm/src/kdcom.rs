//! Kernel debugging of a Windows guest over a serial port that is a named pipe of its host: what one types in the guest and on the host.
//!
//! Source: "Setting Up Kernel-Mode Debugging of a Virtual Machine Manually using a Virtual COM Port", with its section on machines of generation 2;
//! "BCDEdit /debug", "BCDEdit /dbgsettings" (learn.microsoft.com). Not seen on Windows yet.

/// The rate that those pages give; a pipe has none.
const BAUD: u32 = 115_200;

/// A connection.
pub struct Kdcom<'a> {
    /// The named pipe.
    pub pipe: &'a str,
    /// Number of the serial port in the guest, 2 for COM2.
    pub port: u8,
}

impl Kdcom<'_> {
    /// For the host, where WinDbg is. As many resets as it takes, and anew when the pipe is gone, as a machine's is while it is off.
    #[must_use]
    pub fn debugger(&self) -> String {
        format!("windbg -k com:pipe,port={},resets=0,reconnect", self.pipe)
    }

    /// For an administrator's command prompt in the guest. The last line starts it anew, which connects.
    #[must_use]
    pub fn guest(&self) -> [String; 3] {
        [
            "bcdedit /debug on".into(),
            format!(
                "bcdedit /dbgsettings serial debugport:{} baudrate:{BAUD}",
                self.port
            ),
            "shutdown -r -t 0".into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_documentation() {
        let kdcom = Kdcom {
            pipe: r"\\.\pipe\waverig-1-debug",
            port: 2,
        };
        assert_eq!(
            kdcom.debugger(),
            r"windbg -k com:pipe,port=\\.\pipe\waverig-1-debug,resets=0,reconnect"
        );
        let expect = [
            "bcdedit /debug on",
            "bcdedit /dbgsettings serial debugport:2 baudrate:115200",
            "shutdown -r -t 0",
        ];
        assert_eq!(kdcom.guest(), expect);
    }
}
