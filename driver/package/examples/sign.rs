//! Packages an image by hand: `cargo run -p waverig-package --example sign -- IMAGE INX OUT [PDB]`.
//!
//! For trying the formats with other tools: driver/package/check-signatures.sh takes it from here.

use std::path::Path;

use waverig_package::{Arch, OsBuild, UnixTime, cert, inf, package, pe};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [image, inx, out, pdb @ ..] = &arguments[..] else {
        return Err("usage: sign IMAGE INX OUT [PDB]".into());
    };
    let out = Path::new(out);
    std::fs::create_dir_all(out)?;
    let now = UnixTime::now();
    let signer = cert::Signer::ensure(&out.join("identity"), "CN=waverig test (example)", now)?;
    let name = Path::new(inx)
        .file_stem()
        .ok_or("INX has no name")?
        .to_string_lossy();
    let (image, inx) = (std::fs::read(image)?, std::fs::read(inx)?);
    let pdb = pdb.first().map(std::fs::read).transpose()?;
    let rules = pe::Rules {
        arch: Arch::Amd64,
        imports: &["ntoskrnl.exe", "hal.dll", "portcls.sys"],
        exports: &[],
        forbidden: &[],
    };
    let inputs = package::Inputs {
        name: &name,
        image: &image,
        pdb: pdb.as_deref(),
        inx: &inx,
        version: inf::DriverVersion([0, 1, 0, 0]),
        date: now.date(),
        arch: Arch::Amd64,
        min_build: OsBuild(19041),
        rules,
        time: now.date().midnight(),
    };
    let dir = out.join("package");
    let package = package::build(&dir, &inputs, &signer)?;
    println!("{package:#?}");
    let trust = cert::Trust::test_machine(&[signer.certificate().clone()], now);
    let target = inf::Target {
        hardware_id: &format!("Root\\{name}"),
        arch: Arch::Amd64,
        build: OsBuild(22631),
    };
    let verified = package::verify(&dir, &format!("{name}.inf"), &trust, &target)?;
    println!(
        "verified; signed by {}; installs {}",
        verified.signer, verified.plan.description
    );
    Ok(())
}
