//! Pages to look at: a list of the files, and each file with what was executed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Coverage, Share};

const HEAD: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<style>\
body{font-family:sans-serif;margin:2em}td{padding:0 .6em;text-align:right}td:last-child,td:first-child{text-align:left}\
pre{margin:0;text-align:left}.yes{background:#dff5df}.no{background:#f8d7d7}</style>\n";

/// Name of a file's page.
pub(super) fn name(file: &str) -> String {
    format!("{}.html", file.replace(['/', '\\'], "-"))
}

/// The list.
pub(super) fn index(coverage: &Coverage) -> String {
    let mut text = format!(
        "{HEAD}<title>coverage of waverig.sys</title>\n<h1>Coverage of waverig.sys</h1>\n<table>\n\
         <tr><th>file<th>lines with code<th>executed<th>percent\n"
    );
    let mut row = |name: &str, share: Share| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{:.1}</td></tr>",
            share.lines,
            share.executed,
            share.percent()
        );
    };
    for (file, lines) in &coverage.0 {
        let link = format!("<a href=\"{}\">{}</a>", name(file), escaped(file));
        row(&link, Share::of(lines));
    }
    row("all", coverage.whole());
    text + "</table>\n"
}

/// A file: number of each line, on how many machines it was executed, and its text.
pub(super) fn page(file: &str, source: &str, lines: &BTreeMap<u32, u64>) -> String {
    let file = escaped(file);
    let mut text = format!("{HEAD}<title>{file}</title>\n<h1>{file}</h1>\n<table>\n");
    for (number, line) in (1_u32..).zip(source.lines()) {
        let (class, count) = match lines.get(&number) {
            Some(0) => (" class=\"no\"", "0".to_owned()),
            Some(count) => (" class=\"yes\"", count.to_string()),
            None => ("", String::new()),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<tr{class} id=\"L{number}\"><td>{number}</td><td>{count}</td><td><pre>{}</pre></td></tr>",
            escaped(line)
        );
    }
    text + "</table>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
