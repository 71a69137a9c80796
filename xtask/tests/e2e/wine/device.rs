//! Trust, installation, removal, Driver Verifier, and an agent that goes on after a restart.

use super::*;

fn left(link: &mut Link) -> Vec<String> {
    let hardware_id = HARDWARE_ID.into();
    match last(link, &Request::Leftovers { hardware_id }) {
        Reply::Left { items } => items,
        other => panic!("nothing is listed: {other:?}"),
    }
}

/// The host's certificate, and the name under which the machine's stores keep it: its SHA-1.
fn certificate() -> (Vec<u8>, String) {
    let file = root().join("target/certificate/certificate.der");
    let sum = run(Command::new("sha1sum").arg(&file)).expect(0, &[]).out;
    let thumbprint = sum.split(' ').next().unwrap_or_default().to_uppercase();
    (fs::read(&file).expect("packaging made it"), thumbprint)
}

/// Whether the machine's store has it, by Wine's own registry editor.
#[track_caller]
fn stands(wine: &Wine, thumbprint: &str, expect: bool) {
    for store in ["Root", "TrustedPublisher"] {
        let key = format!(
            r"HKLM\SOFTWARE\Microsoft\SystemCertificates\{store}\Certificates\{thumbprint}"
        );
        let found = run(wine.command("wine").args(["reg", "query", &key]));
        assert_eq!(found.code == Some(0), expect, "{store}: {}", found.out);
    }
}

/// The package with its settings, staged and its installation asked for.
fn install(channels: u32) -> Request {
    let device = waverig_protocol::device::Device {
        nodes: 2,
        channels: Some(waverig_protocol::device::Value::Number(channels)),
        ..Default::default()
    };
    Request::Install {
        inf: "waverig.inf".into(),
        hardware_id: HARDWARE_ID.into(),
        device: Box::new(device),
    }
}

fn stage(link: &mut Link, package: &Path) {
    for entry in fs::read_dir(package).expect("there is a package") {
        let entry = entry.expect("it can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = fs::read(entry.path()).expect("it can be read");
        done(link, &Request::Stage { name }, &bytes);
    }
}

/// The package's INF as Wine 8 understands it, which knows no models for a version of Windows.
pub(super) fn for_wine(package: &Path) -> String {
    let inf = fs::read_to_string(package.join("waverig.inf")).expect("it is in the package");
    let changed = inf.replace("NTamd64.10.0...19041", "NTamd64");
    assert_ne!(changed, inf);
    changed
}

/// Wine registers the nodes, takes the package into its store, copies the driver and makes its service; then it has no kernel that would
/// start it, and the agent says so, with what it found, and undoes all.
#[test]
fn a_package_is_installed_as_far_as_wine_goes_and_nothing_is_left() {
    let package = good_package().join("package");
    let rig = Rig::new("wine-install");
    let wine = Wine::start();
    let (mut link, _) = wine.agent(&rig.folder, &[]);
    let nothing: [String; 0] = [];
    assert_eq!(left(&mut link), nothing, "before anything was installed");
    hello(&mut link);
    refused(&mut link, &install(4), &["waverig.inf was not staged"]);
    let name = "../waverig.inf".into();
    refused(&mut link, &Request::Stage { name }, &["no bare file name"]);
    stage(&mut link, &package);
    let driver = fs::read(package.join("waverig.sys")).expect("it is in the package");
    let hash = waverig_package::Sha256Digest::of(&driver).to_string();
    let stopped = r"ROOT\MEDIA\0000 does not work: it is not started";
    let nobody = "no service drives it";
    refused(&mut link, &install(4), &[stopped, nobody]);
    assert_eq!(left(&mut link), nothing, "after a refusal");
    let name = "waverig.inf".into();
    done(
        &mut link,
        &Request::Stage { name },
        for_wine(&package).as_bytes(),
    );
    refused(
        &mut link,
        &install(4),
        &[stopped, r"\waverig.sys, SHA-256", &hash],
    );
    assert_eq!(left(&mut link), nothing, "after another");
    // Nothing is there to be removed: the machine is as it has to be.
    done(&mut link, &Request::Remove, &[]);
    // An INF of no class: the first step fails, and names itself.
    let name = "waverig.inf".into();
    done(&mut link, &Request::Stage { name }, b"[Version]\r\n");
    refused(&mut link, &install(4), &["names no class of devices"]);
    done(&mut link, &Request::Shutdown, &[]);
}

#[test]
fn what_was_changed_is_undone_after_a_restart_by_another_agent() {
    good_package();
    let (der, thumbprint) = certificate();
    let rig = Rig::new("wine-restart");
    let wine = Wine::start();
    let (mut link, up) = wine.agent(&rig.folder, &[]);
    assert_eq!(up.boots, 1);
    hello(&mut link);
    refused(&mut link, &Request::Trust, &["no X.509 certificate"]);
    stands(&wine, &thumbprint, false);
    done(&mut link, &Request::Trust, &der);
    stands(&wine, &thumbprint, true);
    assert_eq!(left(&mut link).len(), 2, "a certificate in two stores");
    condition(&mut link, "certificate", Some(true), "within");
    let drivers = vec!["waverig.sys".to_owned()];
    done(&mut link, &Request::Verify { drivers }, &[]);
    let pending = "on for waverig.sys with flags 0x209bb after a restart";
    condition(&mut link, "verifier", Some(false), pending);
    // Another agent, the same start: it is no restart.
    drop(link);
    let (mut link, up) = wine.agent(&rig.folder, &[]);
    assert_eq!(up.boots, 1);
    condition(&mut link, "verifier", Some(false), pending);
    drop(link);
    wine.stop();
    let (mut link, up) = wine.agent(&rig.folder, &[]);
    assert_eq!(up.boots, 2);
    let on = "Driver Verifier is on for waverig.sys";
    condition(&mut link, "verifier", Some(true), on);
    let drivers = Vec::new();
    done(&mut link, &Request::Verify { drivers }, &[]);
    hello(&mut link);
    stands(&wine, &thumbprint, true);
    done(&mut link, &Request::Shutdown, &[]);
    stands(&wine, &thumbprint, false);
}

/// Wine takes the label of a drive that is a folder from a file in it.
#[test]
fn files_are_staged_from_the_volume_with_the_payloads_label() {
    let rig = Rig::new("wine-held");
    let wine = Wine::start();
    let payload = rig.folder.join("payload");
    fs::create_dir_all(payload.join("held")).expect("the test's own folder");
    fs::write(payload.join("held/a.inf"), "abc").expect("the test's own folder");
    let drive = wine.prefix.join("dosdevices/p:");
    let _ = fs::remove_file(&drive);
    let (mut link, _) = wine.agent(&rig.folder, &[]);
    hello(&mut link);
    let held = |sha256: &str| Request::StageHeld {
        name: "a.inf".into(),
        sha256: sha256.into(),
    };
    // FIPS 180-2, appendix B.1.
    let abc = held("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    refused(&mut link, &abc, &["no volume has the label \"PAYLOAD\""]);
    done(&mut link, &Request::Shutdown, &[]);
    drop(link);
    // Wine looks at drives when it starts.
    wine.stop();
    std::os::unix::fs::symlink(&payload, &drive).expect("the prefix is writable");
    fs::write(payload.join(".windows-label"), "PAYLOAD\n").expect("the test's own folder");
    let (mut link, _) = wine.agent(&rig.folder, &[]);
    hello(&mut link);
    let other = held("00");
    refused(&mut link, &other, &["is not what the host put there"]);
    let staged = rig.folder.join("staged/a.inf");
    assert!(!staged.exists());
    done(&mut link, &abc, &[]);
    assert_eq!(fs::read(&staged).expect("it is staged"), b"abc");
    done(&mut link, &Request::Shutdown, &[]);
    fs::remove_file(&drive).expect("it was made here");
}

/// What Wine has of it is a file; what it lacks is told, not passed over.
#[test]
fn what_windows_wrote_comes_home() {
    let rig = Rig::new("wine-evidence");
    let wine = Wine::start();
    let windows = wine.prefix.join("drive_c/windows");
    let dump: Vec<u8> = (0..(1 << 20) + 7u32).map(|at| (at % 251) as u8).collect();
    let minidump = windows.join("Minidump");
    fs::create_dir_all(&minidump).expect("the prefix is writable");
    fs::write(minidump.join("waverig.dmp"), &dump).expect("it is written");
    let (mut link, _) = wine.agent(&rig.folder, &[]);
    let replies = ask(&mut link, &Request::Collect, &[]);
    fs::remove_dir_all(&minidump).expect("it is there");
    let mut came: Vec<u8> = Vec::new();
    let mut logs = String::new();
    for (reply, payload) in &replies {
        match reply {
            Reply::File { name, offset } => {
                assert_eq!((name.as_str(), *offset), ("waverig.dmp", came.len() as u64));
                came.extend(payload);
            }
            Reply::Log { line } => logs.push_str(line),
            other => assert_eq!(*other, Reply::Done),
        }
    }
    assert!(came == dump, "{} of {} bytes came", came.len(), dump.len());
    for missing in ["MEMORY.DMP", "setupapi.dev.log", "channel System"] {
        assert!(logs.contains(missing), "{logs:?} lacks {missing}");
    }
    done(&mut link, &Request::Shutdown, &[]);
}

/// An agent that was killed has noted that its installation had begun; whoever has none noted leaves what is there alone.
#[test]
fn what_a_killed_agent_left_is_removed_and_what_is_somebody_elses_stays() {
    let package = good_package().join("package");
    let rig = Rig::new("wine-killed");
    let wine = Wine::start();
    let inf = wine.prefix.join("drive_c/windows/inf/oem77.inf");
    fs::copy(package.join("waverig.inf"), &inf).expect("the prefix is writable");
    let (mut link, _) = wine.agent(&rig.folder, &[]);
    hello(&mut link);
    assert_eq!(left(&mut link), ["package oem77.inf"]);
    stage(&mut link, &package);
    refused(
        &mut link,
        &install(2),
        &["oem77.inf is in the driver store"],
    );
    done(&mut link, &Request::Remove, &[]);
    assert_eq!(left(&mut link), ["package oem77.inf"]);
    done(&mut link, &Request::Shutdown, &[]);
    let begun = r#"{"boots": 1, "hardware_id": "Root\\waverig"}"#;
    fs::write(rig.folder.join("state.json"), begun).expect("the folder is writable");
    let (mut link, _) = wine.agent(&rig.folder, &[]);
    hello(&mut link);
    done(&mut link, &Request::Remove, &[]);
    let nothing: [String; 0] = [];
    assert_eq!(left(&mut link), nothing);
    assert!(!inf.exists());
    done(&mut link, &Request::Shutdown, &[]);
}
