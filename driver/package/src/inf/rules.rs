//! The rules an INF must keep, by name, with what asks for them.

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in messages and tests.
    pub id: &'static str,
    /// infverif's number for it, if it has one.
    pub infverif: Option<u16>,
    /// What is required.
    pub requires: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

macro_rules! rules {
    ($($name:ident = $id:literal, $code:expr, $requires:literal, $source:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { id: $id, infverif: $code, requires: $requires, source: $source };)*
        /// Every rule, for tables.
        #[cfg(test)]
        pub(super) const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    SIGNATURE = "signature", Some(1001), "[Version] has Signature=\"$Windows NT$\"", "INF Version section";
    ENCODING = "encoding", Some(1003), "the file is ASCII, or UTF-16 LE with a byte order mark", "INF validation errors, 1003";
    PROVIDER = "provider", Some(1204), "[Version] has a Provider, and it is not Microsoft", "INF validation errors, 1204";
    CLASS = "class", None, "Class and ClassGuid belong together", "System-defined device setup classes available to vendors";
    DRIVER_VER = "driver-ver", None, "DriverVer is mm/dd/yyyy,w.x.y.z", "INF DriverVer directive";
    CATALOG_FILE = "catalog-file", Some(1233), "[Version] names a catalog", "INF validation errors, 1233";
    PNP_LOCKDOWN = "pnp-lockdown", None, "PnpLockdown=1: nobody but the installer changes the files", "INF Version section";
    NO_DEFAULT_INSTALL = "no-default-install", Some(1212), "[DefaultInstall] and [Manufacturer] exclude each other", "INF validation errors, 1212";
    NO_CLASS_INSTALL = "no-class-install", Some(1285), "no [ClassInstall32] for a class of Microsoft's", "INF validation errors, 1285";
    MODELS = "models", None, "a models section decorated for the architecture takes the oldest build and no older one", "Combining platform extensions with operating system versions";
    FOLLOWS = "follows", Some(1203), "every section, directive and value on the way can be followed", "INF validation errors, 1203";
    DRIVER_STORE = "driver-store", None, "files stay in the driver store (DIRID 13)", "Driver package isolation";
    SOURCE_FILES = "source-files", Some(1230), "every copied file stands in [SourceDisksFiles], on a disk of [SourceDisksNames]", "INF validation errors, 1230";
    RENAMED = "renamed", Some(1100), "a file keeps its name in the driver store", "INF validation errors, 1100";
    SERVICE = "service", Some(1296), "each install section has a function driver: a kernel service that starts on demand from a copied file", "INF validation errors, 1296";
    LEGACY = "legacy", Some(1300), "no co-installers, deletions, renames or other legacy directives", "INF validation errors, 1300 to 1303";
    DEVICE_SECURITY = "media-security", None, "an audio device says DeviceType and Security in .HW, or the audio service cannot open it", "Microsoft's audio samples; Securing device objects";
    UNUSED = "unused", Some(2083), "every section is used", "INF validation errors, 2083";
}
