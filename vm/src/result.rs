//! The disk that goes home: what a guest left on it becomes evidence, and what dumps among that say.

use std::fs;
use std::path::Path;

use crate::dump::Own;
use crate::{disk, dumps};

/// Its label, by which guests know it.
pub(crate) const LABEL: &str = "RESULT";
/// Bytes of one with room for the dump of a Windows kernel.
pub(crate) const FOR_DUMPS: u64 = 2 << 30;
/// The folder among a session's evidence.
const HOME: &str = "result";

/// Copies what is on the disk to the evidence; says what was found. A disk that is damaged, or that its host has not closed, is kept as it is.
pub(crate) fn bring_home(image: &Path, evidence: &Path) -> Vec<String> {
    let error = match disk::bring_home(image, &evidence.join(HOME)) {
        Ok(names) => return names.iter().map(|name| format!("{HOME}/{name}")).collect(),
        Err(error) => error,
    };
    let name = image.file_name().unwrap_or_default();
    let kept = fs::create_dir_all(evidence).and_then(|()| fs::rename(image, evidence.join(name)));
    let kept = match kept {
        Ok(()) => format!("it is kept, {}", name.display()),
        Err(error) => format!("it cannot be kept: {error}"),
    };
    vec![format!(
        "(of the result disk not everything: {error}; {kept})"
    )]
}

/// What the dumps say that came home.
pub(crate) fn dumps(evidence: &Path, own: Option<&Own>) -> Vec<String> {
    let folder = evidence.join(HOME);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let told = |name: &String| dumps::told(&folder, name, own);
    names.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;
    use crate::disk::Layout;

    #[test]
    fn a_damaged_disk_is_told_and_kept() {
        let folder = std::env::temp_dir().join(format!("waverig-result-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let (image, evidence) = (folder.join("result.vhdx"), folder.join("evidence"));
        let log = folder.join("setup.log");
        fs::write(&log, "said").expect("it is writable");
        let files = [("setup.log", &*log)];
        let make = || disk::make_as(Layout::Vhdx, &image, LABEL, 8 << 20, &files);
        make().expect("there is room");
        assert_eq!(bring_home(&image, &evidence), ["result/setup.log"]);
        assert!(image.is_file());
        // Of both headers.
        let mut file = File::options()
            .write(true)
            .open(&image)
            .expect("it is there");
        for at in [(64 << 10) + 48, (128 << 10) + 48] {
            file.seek(SeekFrom::Start(at)).expect("it is a file");
            file.write_all(b"log").expect("it is writable");
        }
        drop(file);
        let bytes = fs::read(&image).expect("it is there");
        let told = bring_home(&image, &evidence).concat();
        assert!(told.contains("neither header has its checksum"), "{told}");
        assert!(told.contains("it is kept, result.vhdx"), "{told}");
        assert!(fs::read(evidence.join("result.vhdx")).expect("it is kept") == bytes);
        assert!(!image.exists());
        fs::remove_dir_all(folder).expect("the test's own folder");
    }
}
