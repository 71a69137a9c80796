//! The installer for people: what it refuses, what it installs as far as Wine goes, and that nothing is left.

use waverig_setup::parcel::{self, Parcel};

use super::*;
use crate::rig::Run;

/// The installer with the good package in it, as xtask packs and signs it.
fn installer(rig: &Rig) -> PathBuf {
    crate::rig::copy(&good_package().join("package"), &rig.package());
    let stub = setup().display().to_string();
    rig.xtask(&["installer", "--stub", &stub])
        .expect(0, &["waverig-setup.exe"]);
    rig.folder.join("installer/waverig-setup.exe")
}

/// The same program with another package in it, unsigned.
fn repacked(rig: &Rig, installer: &Path, name: &str, change: impl FnOnce(&mut Parcel)) -> PathBuf {
    let read = |path: &Path| fs::read(path).expect("it was built");
    let mut parcel = parcel::read(&read(installer)).expect("there is a package in it");
    change(&mut parcel);
    let file = rig.folder.join(name);
    let packed = parcel.pack(&read(&setup())).expect("it can be packed");
    fs::write(&file, packed).expect("the test's own folder");
    file
}

/// Runs it there.
fn run_setup(wine: &Wine, program: &Path, words: &[&str]) -> Run {
    run(wine
        .command("wine")
        .arg(program)
        .args(words)
        .stdin(Stdio::null()))
}

const NOTHING: &str = "on this machine: nothing of it";

#[test]
fn the_installer_refuses_before_it_changes_anything() {
    let rig = Rig::new("wine-setup-refusals");
    let program = installer(&rig);
    let certificate = root().join("target/certificate/certificate.pem");
    run(Command::new("osslsigncode")
        .args(["verify", "-CAfile"])
        .arg(certificate)
        .arg("-in")
        .arg(&program))
    .expect(0, &["Signature verification: ok"]);
    let wine = Wine::start();
    let setup = |words: &[&str]| run_setup(&wine, &program, words);
    let signed = "a test certificate that this machine does not trust";
    setup(&["list"]).expect(0, &["0.1.0.0 for x64", "19041", signed, NOTHING]);
    let reasons = [
        "refused: the package is test-signed and test signing is off",
        "--trust-certificate",
        "nothing was changed",
    ];
    let log = rig.folder.join("log.txt");
    let to_log = [
        "install",
        "--silent",
        "--log",
        &format!("Z:{}", log.display()),
    ];
    let said = setup(&to_log).expect(3, &reasons).out;
    let logged = fs::read_to_string(log).expect("there is a log");
    assert_eq!(
        logged.lines().collect::<Vec<_>>(),
        said.lines().collect::<Vec<_>>()
    );
    setup(&["update", "--silent"])
        .expect(3, &["there is no waverig virtual audio device to update"]);
    setup(&["remove", "--silent"])
        .expect(0, &["nothing of waverig virtual audio device is installed"]);
    setup(&["--silent"]).expect(2, &["--silent needs a verb", "usage: waverig-setup"]);
    // A person who says nothing is asked; nobody answers here.
    let question = "install waverig virtual audio device 0.1.0.0? [y/N]";
    setup(&[]).expect(3, &[NOTHING, question]);
    let newer = repacked(&rig, &program, "newer.exe", |it| {
        it.release.min_build = 99_999
    });
    run_setup(&wine, &newer, &["install"]).expect(3, &["build 99999 or later and this is 19045"]);
    // One bit of the driver.
    let mut bytes = fs::read(&program).expect("it was made");
    let at = bytes.len() - 100_000;
    bytes[at] ^= 1;
    let damaged = rig.folder.join("damaged.exe");
    fs::write(&damaged, bytes).expect("the test's own folder");
    run_setup(&wine, &damaged, &["install", "--silent"])
        .expect(1, &["damaged", "waverig.sys is not the file"]);
    run_setup(&wine, &super::setup(), &["list"]).expect(1, &["no driver package in this program"]);
    setup(&["list"]).expect(0, &[NOTHING]);
}

/// A device that is there already: what Wine's own registry editor makes of it, and an older package.
fn put_older_device(wine: &Wine, package: &Path) {
    let node = r"HKLM\System\CurrentControlSet\Enum\ROOT\MEDIA\0000";
    for (name, kind, value) in [
        (
            "ClassGUID",
            "REG_SZ",
            "{4d36e96c-e325-11ce-bfc1-08002be10318}",
        ),
        ("HardwareID", "REG_MULTI_SZ", HARDWARE_ID),
    ] {
        let words = [
            "reg", "add", node, "/v", name, "/t", kind, "/d", value, "/f",
        ];
        run(wine.command("wine").args(words)).expect(0, &[]);
    }
    let inf = fs::read_to_string(package.join("waverig.inf")).expect("it is in the package");
    let older = inf.replace(",0.1.0.0", ",0.0.9.0");
    assert_ne!(older, inf);
    fs::write(wine.prefix.join("drive_c/windows/inf/oem77.inf"), older)
        .expect("the prefix is writable");
}

/// Without a certificate, as one that Windows trusts: Wine looks at no signature. Its driver cannot start there.
#[test]
fn the_installer_undoes_what_does_not_work_and_removes_what_is_there() {
    let rig = Rig::new("wine-setup");
    let program = installer(&rig);
    let package = rig.package();
    let program = repacked(&rig, &program, "setup.exe", |it| {
        it.release.certificate = None;
        it.release.min_build = 0;
        for file in &mut it.files {
            if file.name == it.release.inf {
                file.bytes = super::device::for_wine(&package).into_bytes();
            }
        }
    });
    let wine = Wine::start();
    let setup = |words: &[&str]| run_setup(&wine, &program, words);
    let words = [
        "device node ROOT\\MEDIA\\0000",
        "in the driver store",
        "the machine is as it was before",
        "ROOT\\MEDIA\\0000 does not work: it is not started",
    ];
    setup(&["install", "--silent"]).expect(1, &words);
    setup(&["list"]).expect(0, &[NOTHING]);
    put_older_device(&wine, &package);
    let older = [
        "device ROOT\\MEDIA\\0000: ",
        "package oem77.inf in the driver store: version 0.0.9.0",
    ];
    setup(&["list"]).expect(0, &older);
    // Wine's driver store does not say where a package is, so nothing could be installed again.
    let words = ["no way back to oem77.inf", "is as it was before"];
    setup(&["update", "--silent"]).expect(1, &words);
    let said = setup(&["list"]).expect(0, &older).out;
    assert_eq!(said.matches("package ").count(), 1, "{said}");
    setup(&["remove", "--silent"]).expect(0, &["oem77.inf left the driver store", "is removed"]);
    setup(&["list"]).expect(0, &[NOTHING]);
    let temp = fs::read_dir(wine.prefix.join("drive_c/windows/temp")).expect("Wine has one");
    let names = temp
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let left: Vec<String> = names.filter(|name| name.contains("waverig")).collect();
    assert!(left.is_empty(), "{left:?}");
    let key = run(wine
        .command("wine")
        .args(["reg", "query", r"HKLM\SOFTWARE\waverig\setup"]));
    assert_eq!(key.code, Some(1), "the note stays: {}", key.out);
}
