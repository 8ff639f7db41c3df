//! Configures the linker for a Node-API module, whose symbols are resolved by the process that loads it.

fn main() {
    napi_build::setup();
}
