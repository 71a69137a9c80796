//! A long run, folded into digests: a good driver passes it. Faulty ones are rows of ci/mutants.toml.

use crate::rig::Rig;

#[test]
fn two_minutes_in_two_parts_are_right_in_every_frame() {
    let rig = Rig::with_package("pace");
    rig.xtask(&["pace", "--minutes", "2"]).expect(
        0,
        &[
            "passed: 2 minutes",
            "12000 notifications",
            "12000 positions",
        ],
    );
    rig.xtask(&["pace", "--minutes", "0"])
        .expect(2, &["--minutes 0", "1 to 20000"]);
}
