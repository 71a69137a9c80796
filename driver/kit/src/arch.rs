//! The processor architectures the driver is built for, under the names that each tool gives them.

use ar_archive_writer::MachineTypes;

/// A processor architecture of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arch {
    /// x86-64, which Windows calls x64 and AMD64.
    X64,
}

impl Arch {
    /// The Rust target triple of the driver.
    pub fn triple(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-pc-windows-msvc",
        }
    }

    /// The folder under `Lib/<version>/km/` in a WDK (`CpuArchitecture::as_windows_str` of wdk-build).
    pub(crate) fn wdk_folder(self) -> &'static str {
        match self {
            Self::X64 => "x64",
        }
    }

    /// The linker's `/MACHINE:` value.
    pub(crate) fn linker_machine(self) -> &'static str {
        match self {
            Self::X64 => "X64",
        }
    }

    /// The machine type that import libraries carry (PE format, "Machine Types").
    pub(crate) fn coff_machine(self) -> MachineTypes {
        match self {
            Self::X64 => MachineTypes::AMD64,
        }
    }

    /// The prefix of mingw-w64's files for this architecture; also the triple that clang parses the headers with.
    pub(crate) fn mingw_prefix(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-w64-mingw32",
        }
    }

    /// The target that clang parses mingw-w64's headers for.
    pub(crate) fn clang_target(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-w64-windows-gnu",
        }
    }
}
