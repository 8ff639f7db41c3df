//! Lets the linker leave Node-API's symbols open; the process that loads the module has them.

fn main() {
    napi_build::setup();
}
