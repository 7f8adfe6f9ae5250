//! G3: the same input and options give the same bytes: no clock, no randomness, no hash-map order, no thread timing.

use headroom_core::CompressOptions;
use proptest::prelude::*;

use crate::{MODES, cases, compress, compress_with, engine, generate, text};

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn many_threads_give_the_same_bytes((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        let expected = compress(&list, mode);
        let shared = engine();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let options = CompressOptions { mode, ..CompressOptions::default() };
                    let result = compress_with(&shared, &list, options);
                    assert_eq!(text(&result), text(&expected));
                    assert_eq!(result.transforms_applied, expected.transforms_applied);
                    assert_eq!(result.ccr_hashes, expected.ccr_hashes);
                });
            }
        });
    }
}
