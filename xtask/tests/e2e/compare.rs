//! WaveRT and WaveCyclic side by side; what docs/windows-audio.md shows of it is what comes out.

use std::fs;

use crate::rig::{Rig, root};

/// How far a figure of the page may be from the measured one: a change of the driver moves calls and instructions a little.
const TOLERANCE: f64 = 0.1;

/// The rows of a page's tables that begin with a port's name: that cell, and every number behind it.
fn rows(text: &str) -> Vec<(String, Vec<f64>)> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
        let name = cells.next()?;
        let ours = name.starts_with("WaveRT, ") || name.starts_with("WaveCyclic, ");
        let numbers = cells.flat_map(|cell| cell.split(|c: char| !c.is_ascii_digit() && c != '.'));
        let numbers = numbers.filter_map(|word| word.parse().ok()).collect();
        ours.then(|| (name.to_owned(), numbers))
    });
    rows.collect()
}

#[test]
fn the_tone_comes_out_of_both_and_the_page_shows_the_figures() {
    let rig = Rig::with_package("compare");
    rig.xtask(&["compare"]).expect(
        0,
        &["passed: the tone came out bit for bit in all of 7 ways"],
    );
    let measured = fs::read_to_string(rig.folder.join("compare.md")).expect("it was written");
    let page = fs::read_to_string(root().join("docs/windows-audio.md")).expect("the page is there");
    let (measured, shown) = (rows(&measured), rows(&page));
    assert_eq!(measured.len(), 7);
    assert_eq!(shown.len(), measured.len(), "rows of docs/windows-audio.md");
    for ((name, is), (shown_name, says)) in measured.iter().zip(&shown) {
        let near = |(is, says): (&f64, &f64)| (is - says).abs() <= (is * TOLERANCE).max(0.5);
        assert!(
            name == shown_name && is.len() == says.len() && is.iter().zip(says).all(near),
            "docs/windows-audio.md says {says:?} of {shown_name:?}; cargo xtask compare says {is:?} of {name:?}"
        );
    }
}
