//! Builds the driver of this checkout into `target/driver/out`: `cargo run -p waverig-kit --example build -- [FEATURE…]`.

use std::path::Path;

use anyhow::{Context, Result};
use waverig_kit::{Arch, BuildOptions, SystemRunner, Workspace, build};

fn main() -> Result<()> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").context("run this with cargo")?;
    let root = Path::new(&folder)
        .ancestors()
        .nth(2)
        .context("the kit lies in driver/kit")?;
    let workspace = Workspace::new(root);
    let output = workspace.driver_target().join("out");
    let features = std::env::args().skip(1).collect();
    let built = build(
        &SystemRunner,
        &BuildOptions {
            workspace,
            arch: Arch::X64,
            features,
            output,
        },
    )?;
    println!("{}", built.sys.display());
    Ok(())
}
