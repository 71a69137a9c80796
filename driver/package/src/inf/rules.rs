//! The rules an INF must keep, by name, with what asks for them.

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in messages and tests.
    pub id: &'static str,
    /// infverif's numbers for it, if it has some.
    pub infverif: &'static [u16],
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

// Sources without a folder are pages of Microsoft's driver documentation; "infverif" is "INF validation errors and warnings".
rules! {
    // The file as a whole.
    SIGNATURE = "signature", &[1001], "[Version] has Signature=\"$Windows NT$\"", "INF Version section";
    ENCODING = "encoding", &[1003], "the file is ASCII, or UTF-16 LE with a byte order mark", "infverif";
    PROVIDER = "provider", &[1204, 1234], "[Version] has a Provider, and it does not begin with Microsoft", "infverif";
    CLASS = "class", &[1010, 1234, 1280, 1281, 1284, 1286], "Class is a class of Microsoft's for vendors and ClassGuid is its GUID", "System-defined device setup classes available to vendors";
    DRIVER_VER = "driver-ver", &[1217, 1218, 1234], "DriverVer is mm/dd/yyyy,w.x.y.z", "INF DriverVer directive";
    CATALOG_FILE = "catalog-file", &[1214, 1233], "[Version] names a catalog beside the INF", "infverif";
    PNP_LOCKDOWN = "pnp-lockdown", &[1324], "PnpLockdown=1: nobody but the installer changes the files", "INF Version section";
    NO_DEFAULT_INSTALL = "no-default-install", &[1212, 1420, 1421, 1422, 1423], "[DefaultInstall] and [Manufacturer] exclude each other", "infverif";
    NO_CLASS_INSTALL = "no-class-install", &[1285], "no [ClassInstall32] for a class of Microsoft's", "infverif";
    UNUSED = "unused", &[2083], "every section is used", "infverif";
    UNUSED_STRING = "unused-string", &[], "every string of [Strings] is used", "a misspelt token is an error, and this is its other half";
    LANGUAGES = "languages", &[1295], "every [Strings.<language>] defines the strings of [Strings]", "infverif";
    SECTION_ONCE = "section-once", &[1209], "a section stands in one place", "infverif";
    SECTION_KIND = "section-kind", &[1205, 1206], "a section is used by one kind of directive", "infverif";
    SECTION_NAME = "section-name", &[2008], "no section has the name of one in an included INF", "infverif";
    SECURITY_SECTION = "security-section", &[1101, 1226], "no .Security section: neither files in the driver store nor values below HKR take one", "infverif";
    VALUE_MISSING = "value-missing", &[1005, 1006, 1080, 1085, 1229], "a directive says what it is for", "infverif";
    VALUE_EXTRA = "value-extra", &[1201, 2403], "a directive has no more values than it knows", "infverif";
    DIRECTIVE_ONCE = "directive-once", &[1088], "a directive that takes effect once stands once", "infverif";
    DUPLICATE = "duplicate", &[1086, 1294], "no file, hardware id or interface is listed twice", "infverif";
    // From the models to the installation.
    MODELS = "models", &[1199, 1288, 1297, 2010], "a models section decorated for the architecture, and for no product or suite, takes the oldest build and no older one", "Combining platform extensions with operating system versions; Using a universal INF file";
    FOLLOWS = "follows", &[1011, 1013, 1014, 1015, 1016, 1019, 1081, 1082, 1202, 1203, 1208, 1220, 1222, 1223, 1224, 1241, 1242, 1243, 1254, 1260, 1261, 1262, 1263, 1264, 1265, 1266, 1267, 1268, 1271, 1275, 1287, 1289, 1290, 1305, 1314, 1315, 1316, 1319, 1320, 1321, 2006, 2085, 2651, 2660, 2661], "every section, directive and value on the way can be followed, below HKR only", "infverif; Driver package isolation";
    NEEDS_KIND = "needs-kind", &[1310, 1311, 1312, 1313], "Needs names a section of the same kind as the one it stands in", "infverif";
    DRIVER_STORE = "driver-store", &[1306, 1322, 1326, 1340, 1341], "files stay in the driver store (DIRID 13)", "Driver package isolation";
    SOURCE_FILES = "source-files", &[1008, 1213, 1230, 1231, 1273], "every copied file stands in [SourceDisksFiles], on a numbered disk of [SourceDisksNames]; catalogs and compressed names do not", "infverif";
    RENAMED = "renamed", &[1100], "a file keeps its name in the driver store", "infverif";
    COPY_FLAGS = "copy-flags", &[1103], "a file that stays in the driver store is copied without flags", "INF CopyFiles directive";
    SERVICE = "service", &[1211, 1251, 1252, 1296, 2084, 2650], "each install section has a function driver: a kernel service that starts on demand from a copied file", "infverif";
    SERVICE_FLAGS = "service-flags", &[1081, 1083], "AddService has flags for drivers of Plug and Play devices only", "INF AddService directive";
    SERVICE_NAME = "service-name", &[1253, 1272], "a service that has an install section has a name", "infverif";
    SERVICE_KEY = "service-key", &[1323], "a service's values stand below its Parameters key", "Driver package isolation";
    SAME_EVERYWHERE = "same-everywhere", &[1330, 1332, 1333], "all install sections mean the same by a file and by a service", "infverif; InfVerif error 1330 - 1333";
    LEGACY = "legacy", &[1102, 1110, 1270, 1300, 1301, 1302, 1303, 1307, 1308, 1309, 1450, 2009], "no co-installers, deletions, renames or other legacy directives and sections", "infverif; Using a universal INF file";
    // Registry values.
    FILTERS = "filters", &[1329], "no filter driver by a registry value", "infverif";
    VALUE_TYPE = "value-type", &[1225, 1431], "a value that Windows knows has the type that Windows reads", "infverif; INF AddReg directive";
    PATH = "path", &[1257, 1258], "no registry value holds a path but below %13% or an environment variable", "infverif";
    EFFECTS = "effects", &[2662, 2663], "no audio effects: they are registered by sections of wdmaudio.inf", "infverif";
    DEVICE_SECURITY = "media-security", &[], "an audio device says DeviceType and Security in .HW, or the audio service cannot open it", "Microsoft's audio samples; Securing device objects";
}
