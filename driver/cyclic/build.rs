//! Takes the driver model from `Cargo.toml` and the libraries' folder from the kit; the link itself is described in `driver/kit`.

fn main() -> Result<(), wdk_build::ConfigError> {
    wdk_build::configure_wdk_binary_build()
}
