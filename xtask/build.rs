//! Passes the name of the host to `cargo xtask dist`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").expect("Cargo sets TARGET");
    println!("cargo::rustc-env=XTASK_HOST={target}");
}
