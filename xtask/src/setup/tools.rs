//! What tests and single verbs need of a host beside the driver's needs: how to see that it is there, and how to add it.

/// A program that the tests need beside the driver's needs.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Succeeds when the tool is there.
    pub(super) probe: &'static [&'static str],
    /// Adds it; the first whose `when` succeeds applies.
    pub(super) add: &'static [Add],
}

pub(super) struct Add {
    /// This command must succeed for the way to apply.
    pub(super) when: &'static [&'static str],
    pub(super) command: &'static [&'static str],
    pub(super) root: bool,
}

/// Debian's and Ubuntu's way.
macro_rules! apt {
    ($($package:literal),+) => {
        Add {
            when: &["apt-get", "--version"],
            command: &["apt-get", "install", "--yes", "--no-install-recommends", $($package),+],
            root: true,
        }
    };
}

pub(super) const TOOLS: &[Tool] = &[
    #[cfg(target_os = "linux")]
    GDB,
    #[cfg(target_os = "linux")]
    QEMU,
    #[cfg(target_os = "linux")]
    IMAGES,
    #[cfg(target_os = "linux")]
    Tool {
        name: "Wine, which runs the agent for Windows",
        probe: &["wine", "--version"],
        add: &[apt!("wine", "wine64")],
    },
    #[cfg(target_os = "linux")]
    MINGW,
    #[cfg(target_os = "linux")]
    Tool {
        name: "PulseAudio, the sound server that Wine plays to",
        probe: &["pulseaudio", "--version"],
        add: &[apt!("pulseaudio", "pulseaudio-utils")],
    },
    #[cfg(target_os = "linux")]
    WINDOWS_GNU,
    #[cfg(target_os = "linux")]
    Tool {
        name: "clang, which compiles the drivers in C++ that the rig is tried on",
        probe: &["clang", "--version"],
        add: &[apt!("clang")],
    },
    Tool {
        name: "osslsigncode, the independent judge of signatures",
        probe: &["osslsigncode", "--version"],
        add: &[apt!("osslsigncode")],
    },
    Tool {
        name: "openssl, which makes keys, certificates and time stamps for tests",
        probe: &["openssl", "version"],
        add: &[apt!("openssl")],
    },
    #[cfg(target_os = "linux")]
    Tool {
        name: "cabextract, the independent reader of cabinets",
        probe: &["cabextract", "--version"],
        add: &[apt!("cabextract")],
    },
    #[cfg(target_os = "linux")]
    Tool {
        name: "SoftHSM, a token whose keys sign",
        probe: &["softhsm2-util", "--version"],
        add: &[apt!("softhsm2")],
    },
    #[cfg(target_os = "linux")]
    Tool {
        name: "Python's venv, for others' readers of a release's bill of materials",
        probe: &["python3", "-c", "import ensurepip, venv"],
        add: &[apt!("python3-venv")],
    },
    #[cfg(target_os = "linux")]
    Tool {
        name: "ptp4l of linuxptp, a PTP grandmaster for the sender",
        probe: &["ptp4l", "-v"],
        add: &[apt!("linuxptp")],
    },
    #[cfg(target_os = "linux")]
    Tool {
        name: "ffmpeg, which receives what the sender sends",
        probe: &["ffmpeg", "-version"],
        add: &[apt!("ffmpeg")],
    },
    #[cfg(target_os = "linux")]
    Tool {
        name: "iproute2, which makes the network between them",
        probe: &["ip", "-V"],
        add: &[apt!("iproute2")],
    },
    Tool {
        name: "Miri, which runs the engine's tests and reports undefined behaviour",
        probe: &["cargo", "+nightly", "miri", "--version"],
        add: &[
            Add {
                when: &["rustc", "+nightly", "--version"],
                command: &[
                    "rustup",
                    "component",
                    "add",
                    "--toolchain",
                    "nightly",
                    "miri",
                    "rust-src",
                ],
                root: false,
            },
            Add {
                when: &["rustup", "--version"],
                command: &[
                    "rustup",
                    "toolchain",
                    "install",
                    "nightly",
                    "--profile",
                    "minimal",
                    "--component",
                    "miri",
                    "--component",
                    "rust-src",
                ],
                root: false,
            },
        ],
    },
];

/// What single verbs need, and nothing else does.
pub(super) const SOMETIMES: &[(&str, Tool)] = &[
    ("cargo xtask bench", CALLGRIND),
    #[cfg(target_os = "linux")]
    ("cargo xtask debug --machine qemu", SOCAT),
    ("cargo xtask release", GIT),
    ("cargo xtask release --publish", GH),
];

/// What links programs for Windows here.
#[cfg(target_os = "linux")]
pub(super) const MINGW: Tool = Tool {
    name: "mingw-w64's compiler, which links the agent for Windows",
    probe: &["x86_64-w64-mingw32-gcc", "--version"],
    add: &[apt!("gcc-mingw-w64-x86-64-win32")],
};

/// What they are linked with.
#[cfg(target_os = "linux")]
pub(super) const WINDOWS_GNU: Tool = Tool {
    name: "Rust's libraries for x86_64-pc-windows-gnu",
    probe: &[
        "rustc",
        "--target",
        "x86_64-pc-windows-gnu",
        "--crate-type",
        "lib",
        "--emit",
        "dep-info=-",
        "/dev/null",
    ],
    add: &[Add {
        when: &["rustup", "--version"],
        command: &["rustup", "target", "add", "x86_64-pc-windows-gnu"],
        root: false,
    }],
};

/// What looking at a stopped machine needs.
pub(super) const GDB: Tool = Tool {
    name: "gdb, the debugger",
    probe: &["gdb", "--version"],
    add: &[apt!("gdb")],
};

/// What connects a terminal with a guest's console.
#[cfg(target_os = "linux")]
pub(super) const SOCAT: Tool = Tool {
    name: "socat, which connects a terminal with a guest's console",
    probe: &["socat", "-V"],
    add: &[apt!("socat")],
};

/// What runs guests.
#[cfg(target_os = "linux")]
pub(super) const QEMU: Tool = Tool {
    name: "QEMU, which runs virtual machines",
    probe: &["qemu-system-x86_64", "--version"],
    add: &[apt!("qemu-system-x86")],
};

/// What makes and reads disk images.
#[cfg(target_os = "linux")]
pub(super) const IMAGES: Tool = Tool {
    name: "qemu-img, which makes and reads disk images",
    probe: &["qemu-img", "--version"],
    add: &[apt!("qemu-utils")],
};

/// What counting instructions needs beside the driver's needs.
pub(super) const CALLGRIND: Tool = Tool {
    name: "valgrind, whose callgrind counts instructions",
    probe: &["valgrind", "--version"],
    add: &[apt!("valgrind")],
};

pub(super) const GIT: Tool = Tool {
    name: "git",
    probe: &["git", "--version"],
    add: &[apt!("git")],
};

pub(super) const GH: Tool = Tool {
    name: "gh, GitHub's command line program",
    probe: &["gh", "--version"],
    add: &[apt!("gh")],
};
