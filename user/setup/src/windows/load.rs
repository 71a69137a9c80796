//! What Windows' loader is asked for: libraries from System32 only, so that none that lies beside the program is taken for Windows' own.
//!
//! Source: "PE Format", "The Load Configuration Structure (Image Only)", and `IMAGE_LOAD_CONFIG_DIRECTORY64` of winnt.h, where
//! `DependentLoadFlags` stands at 0x4E: flags of `LoadLibraryEx` for what the image imports, from Windows 10 1607 on. The linker enters the
//! symbol `_load_config_used` into the image's data directory. Microsoft's makes the structure itself (`/DEPENDENTLOADFLAG`,
//! driver/kit/src/programs.rs). In assembler, because a symbol of Rust's is gone after link-time optimisation.

use std::arch::global_asm;

global_asm!(
    ".section .rdata, \"dr\"",
    ".globl _load_config_used",
    ".balign 8",
    "_load_config_used:",
    ".long {size}",
    ".zero {flags} - 4",
    ".short {system32}",
    ".zero {size} - {flags} - 2",
    ".text",
    // As long as it was in Windows XP, which is as much as is needed: a later Windows goes by the size.
    size = const 0x70,
    flags = const 0x4E,
    // LOAD_LIBRARY_SEARCH_SYSTEM32
    system32 = const 0x800,
);
