#![no_main]

libfuzzer_sys::fuzz_target!(init: chainrule_fuzz::one_thread(), |bytes: &[u8]| {
    chainrule_fuzz::fuzz_cases::model(bytes)
});
