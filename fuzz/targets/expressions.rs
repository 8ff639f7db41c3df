#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mistral_datasets_fuzz::expressions(input));
