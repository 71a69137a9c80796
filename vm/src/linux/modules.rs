//! Kernel modules that a guest needs, in the order in which they are loaded.
//!
//! A kernel package as it is unpacked has no `modules.dep` (depmod makes that when a package is installed), so each module is asked
//! itself: its section `.modinfo` holds `depends=a,b`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The modules of an unpacked package, by name.
pub(super) struct Modules {
    files: HashMap<String, PathBuf>,
    builtin: Vec<String>,
}

/// One to load.
pub(super) struct Module {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Modules {
    /// All below `folder` (`lib/modules/RELEASE`).
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn find(folder: &Path) -> io::Result<Self> {
        let mut files = HashMap::new();
        collect(&folder.join("kernel"), &mut files)?;
        let builtin = fs::read_to_string(folder.join("modules.builtin")).unwrap_or_default();
        let builtin = builtin
            .lines()
            .filter_map(|line| name_of(Path::new(line)))
            .collect();
        Ok(Self { files, builtin })
    }

    /// `wanted` and whatever they need, each behind what it needs. What the kernel has built in needs no file.
    ///
    /// # Errors
    /// Names a module that is neither a file nor built in.
    pub(super) fn in_order(&self, wanted: &[&str]) -> io::Result<Vec<Module>> {
        let mut order = Vec::new();
        for name in wanted {
            self.add(name, &mut order)?;
        }
        Ok(order)
    }

    fn add(&self, name: &str, order: &mut Vec<Module>) -> io::Result<()> {
        let name = name.replace('-', "_");
        if order.iter().any(|module| module.name == name) || self.builtin.contains(&name) {
            return Ok(());
        }
        let Some(file) = self.files.get(&name) else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("the kernel has no module {name}"),
            ));
        };
        let bytes = fs::read(file)?;
        for need in depends(&bytes) {
            self.add(&need, order)?;
        }
        order.push(Module { name, bytes });
        Ok(())
    }
}

fn collect(folder: &Path, files: &mut HashMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if let Some(name) = name_of(&path) {
            files.insert(name, path);
        }
    }
    Ok(())
}

/// `virtio-pci.ko` is the module `virtio_pci`: the kernel takes both signs for one.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    Some(file.strip_suffix(".ko")?.replace('-', "_"))
}

/// What a module's `.modinfo` says that it needs.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|bytes| bytes == KEY) else {
        return Vec::new();
    };
    let rest = &module[at + KEY.len()..];
    let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_from_the_module() {
        let check = |bytes: &[u8], expect: &[&str]| assert_eq!(depends(bytes), expect);
        check(
            b"..\0license=GPL\0depends=virtio_ring,virtio\0name=x\0",
            &["virtio_ring", "virtio"],
        );
        check(b"..\0depends=\0", &[]);
        check(b"..", &[]);
    }

    #[test]
    fn modules_stand_behind_what_they_need() {
        let root = std::env::temp_dir().join(format!("waverig-modules-{}", std::process::id()));
        let kernel = root.join("kernel/drivers");
        fs::create_dir_all(&kernel).expect("writable");
        let module = |name: &str, needs: &str| {
            let text = format!("\0depends={needs}\0");
            fs::write(kernel.join(format!("{name}.ko")), text).expect("writable");
        };
        module("virtio-pci", "ring,core");
        module("ring", "core");
        module("core", "");
        fs::write(root.join("modules.builtin"), "kernel/fs/fat/fat.ko\n").expect("writable");
        let modules = Modules::find(&root).expect("readable");
        let order = modules
            .in_order(&["virtio_pci", "fat", "core"])
            .expect("all are there");
        let names: Vec<_> = order.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["core", "ring", "virtio_pci"]);
        let error = modules.in_order(&["floppy"]).err().expect("there is none");
        assert!(error.to_string().contains("no module floppy"), "{error}");
        fs::remove_dir_all(root).expect("the test's own folder");
    }
}
