//! Lays the functions of the module out as a script for the linker says, where one is named: what is published has those side by
//! side that calls run.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=MISTRAL_DATASETS_LAYOUT");
    if let Ok(script) = env::var("MISTRAL_DATASETS_LAYOUT") {
        println!("cargo::rerun-if-changed={script}");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-T,{script}");
    }
}
