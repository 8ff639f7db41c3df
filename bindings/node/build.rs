//! Lets the linker leave Node-API's symbols open; the process that loads the module has them. Lays the functions out as a script
//! says, where one is named: what is published has those side by side that calls run.

use std::env;

fn main() {
    napi_build::setup();
    println!("cargo::rerun-if-env-changed=MISTRAL_DATASETS_LAYOUT");
    if let Ok(script) = env::var("MISTRAL_DATASETS_LAYOUT") {
        println!("cargo::rerun-if-changed={script}");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-T,{script}");
    }
}
