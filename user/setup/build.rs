//! The program's manifest: it starts with the rights of whoever starts it, knows the Windows that it runs on, and its texts are UTF-8.

use embed_manifest::manifest::{ActiveCodePage, ExecutionLevel, Setting};
use embed_manifest::{embed_manifest, new_manifest};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return;
    }
    // `list` needs no administrator; what does asks on its own (`src/windows/console.rs`) or refuses when nobody is there to answer.
    let manifest = new_manifest("Waverig.Setup")
        .requested_execution_level(ExecutionLevel::AsInvoker)
        .active_code_page(ActiveCodePage::Utf8)
        .long_path_aware(Setting::Enabled);
    embed_manifest(manifest).expect("the manifest is written to the build's own folder");
}
