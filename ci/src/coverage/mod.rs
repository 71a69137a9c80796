//! Which lines of the driver were executed: as a table, for programs that read lcov's format, and beside the sources.

mod html;
mod lcov;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Lines with code, by file and number; of each, on how many machines it was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(pub BTreeMap<String, BTreeMap<u32, u64>>);

/// How much of something was executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    executed: usize,
    lines: usize,
}

impl Share {
    fn of(lines: &BTreeMap<u32, u64>) -> Self {
        Self {
            executed: lines.values().filter(|count| **count > 0).count(),
            lines: lines.len(),
        }
    }

    fn percent(self) -> f64 {
        100.0 * self.executed as f64 / self.lines.max(1) as f64
    }
}

impl Coverage {
    fn whole(&self) -> Share {
        let shares = self.0.values().map(Share::of);
        shares.fold(Share::default(), |sum, share| Share {
            executed: sum.executed + share.executed,
            lines: sum.lines + share.lines,
        })
    }

    /// A table for people: a row per file, and which of its lines were not executed.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.0.keys().map(String::len).max().unwrap_or(4);
        let mut text = format!(
            "{:width$}  lines  executed  percent  not executed\n",
            "file"
        );
        for (file, lines) in &self.0 {
            let share = Share::of(lines);
            let row = format!(
                "{file:width$}  {:>5}  {:>8}  {:>6.1}%  {}",
                share.lines,
                share.executed,
                share.percent(),
                ranges(lines)
            );
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", row.trim_end());
        }
        let all = self.whole();
        let _ = writeln!(
            text,
            "{:width$}  {:>5}  {:>8}  {:>6.1}%",
            "all",
            all.lines,
            all.executed,
            all.percent()
        );
        text
    }

    /// Writes `lcov.info`, `coverage.txt` and `index.html` with a page per file. Sources are read below `root`; one that is not there
    /// has no page.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn write(&self, folder: &Path, root: &Path) -> io::Result<()> {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| {
                let text = format!("cannot write {}: {error}", path.display());
                io::Error::new(error.kind(), text)
            })
        };
        write("lcov.info", lcov::text(self))?;
        write("coverage.txt", self.table())?;
        write("index.html", html::index(self))?;
        for (file, lines) in &self.0 {
            if let Ok(source) = fs::read_to_string(root.join(file)) {
                write(&html::name(file), html::page(file, &source, lines))?;
            }
        }
        Ok(())
    }
}

/// The lines that were not executed; those with nothing but lines without code between them are one stretch.
fn ranges(lines: &BTreeMap<u32, u64>) -> String {
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    let mut open = false;
    for (line, count) in lines {
        match stretches.last_mut() {
            Some((_, last)) if open && *count == 0 => *last = *line,
            _ if *count == 0 => stretches.push((*line, *line)),
            _ => {}
        }
        open = *count == 0;
    }
    let words = stretches.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Coverage {
        let file = |lines: &[(u32, u64)]| lines.iter().copied().collect();
        Coverage(BTreeMap::from([
            (
                "driver/src/a.rs".to_owned(),
                file(&[(3, 2), (4, 0), (9, 0), (10, 1), (12, 0)]),
            ),
            ("driver/src/b.rs".to_owned(), file(&[(1, 7)])),
        ]))
    }

    #[test]
    fn the_table_tells_what_was_not_executed() {
        let table = sample().table();
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1], ["driver/src/a.rs", "5", "2", "40.0%", "4-9", "12"]);
        assert_eq!(rows[2], ["driver/src/b.rs", "1", "1", "100.0%"]);
        assert_eq!(rows[3], ["all", "6", "3", "50.0%"]);
    }

    #[test]
    fn lcov_has_a_record_of_each_file() {
        let expect = "TN:\nSF:driver/src/a.rs\nDA:3,2\nDA:4,0\nDA:9,0\nDA:10,1\nDA:12,0\nLF:5\nLH:2\nend_of_record\n\
                      TN:\nSF:driver/src/b.rs\nDA:1,7\nLF:1\nLH:1\nend_of_record\n";
        assert_eq!(lcov::text(&sample()), expect);
    }

    #[test]
    fn a_page_marks_each_line_with_code() {
        let lines = BTreeMap::from([(1, 2), (3, 0)]);
        let page = html::page(
            "a.rs",
            "if a < b {\n    // no code\n    stop();\n}\n",
            &lines,
        );
        assert!(page.contains(
            "<tr class=\"yes\" id=\"L1\"><td>1</td><td>2</td><td><pre>if a &lt; b {</pre>"
        ));
        assert!(page.contains("<tr id=\"L2\"><td>2</td><td></td>"));
        assert!(page.contains("<tr class=\"no\" id=\"L3\"><td>3</td><td>0</td>"));
    }
}
