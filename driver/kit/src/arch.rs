//! The processor architectures the driver is built for, under the names that each tool gives them.

use ar_archive_writer::MachineTypes;

/// A processor architecture of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arch {
    /// x86-64, which Windows calls x64 and AMD64.
    X64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X64, Self::Arm64];

    /// Its name in messages and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        }
    }

    /// The Rust target triple of the driver.
    pub fn triple(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-pc-windows-msvc",
            Self::Arm64 => "aarch64-pc-windows-msvc",
        }
    }

    /// The folder under `Lib/<version>/km/` in a WDK, as wdk-build writes it (`CpuArchitecture::as_windows_str`); Windows does
    /// not tell case apart, the kit's host may.
    pub(crate) fn wdk_folder(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "ARM64",
        }
    }

    /// The linker's `/MACHINE:` value.
    pub(crate) fn linker_machine(self) -> &'static str {
        match self {
            Self::X64 => "X64",
            Self::Arm64 => "ARM64",
        }
    }

    /// The machine type that import libraries carry (PE format, "Machine Types").
    pub(crate) fn coff_machine(self) -> MachineTypes {
        match self {
            Self::X64 => MachineTypes::AMD64,
            Self::Arm64 => MachineTypes::ARM64,
        }
    }

    /// Arguments that make clang read mingw-w64's kernel headers, which know no 64-bit Arm, for both as those of x64.
    ///
    /// A driver sees the same structures and functions on both: Windows' headers tell the two apart for what belongs to the
    /// processor only (CONTEXT, KPCR and their like), which this driver does not use. Every size and offset that bindgen
    /// measures is asserted again by rustc for the driver's own target, and so is the table of layouts. That ARM64's kernel
    /// exports the same names is inferred from those headers.
    pub(crate) fn clang_arguments(self) -> &'static str {
        match self {
            Self::X64 => "--target=x86_64-w64-windows-gnu",
            // wdk-build defines them for this target.
            Self::Arm64 => "--target=x86_64-w64-windows-gnu -U_ARM64_ -UARM64",
        }
    }

    /// Libraries that the WDK links for this architecture alone (wdk-build's `base_libraries`): C code's helpers, of which
    /// Rust calls none.
    pub(crate) fn extra_libraries(self) -> &'static [&'static str] {
        match self {
            Self::X64 => &[],
            Self::Arm64 => &["arm64rt.lib"],
        }
    }
}
