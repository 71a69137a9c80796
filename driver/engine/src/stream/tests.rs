//! Tests of the whole path.

use proptest::test_runner::{Config, RngAlgorithm};

/// Property tests: the same cases in every run; a tenth of them under Miri, which is some hundred times slower.
pub(crate) fn config(cases: u32) -> Config {
    Config {
        cases: if cfg!(miri) {
            cases.div_ceil(20)
        } else {
            cases
        },
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Config::default()
    }
}
