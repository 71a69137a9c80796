//! The changelog's section about one version, which is what a release's page says.

use waverig_package::Date;

/// A version's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The day of the release; `None` while the changelog says "unreleased".
    pub date: Option<Date>,
    /// What stands below the heading.
    pub text: String,
}

/// Finds the section `## VERSION (DATE)` or `## VERSION (unreleased)`.
///
/// # Errors
/// A changelog without that section, with two of them, with a heading in another form, or with nothing below it.
pub fn of_version(changelog: &str, version: &str) -> Result<Notes, String> {
    let headings = || {
        let lines = changelog.lines().enumerate();
        lines.filter_map(|(at, line)| Some((at, line.strip_prefix("## ")?)))
    };
    let named = |heading: &str| heading.split_whitespace().next() == Some(version);
    let mut found = headings().filter(|(_, heading)| named(heading));
    let (start, heading) = found.next().ok_or_else(|| {
        let names: Vec<&str> = headings().map(|(_, heading)| heading).collect();
        format!(
            "there is no section \"## {version} (DATE)\"; there are: {}",
            names.join(", ")
        )
    })?;
    if let Some((second, _)) = found.next() {
        return Err(format!(
            "version {version} has two sections, in lines {} and {}",
            start + 1,
            second + 1
        ));
    }
    let bracketed = heading[version.len()..]
        .trim()
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(|| {
            format!(
                "line {}: \"## {heading}\" needs the day in brackets, as in \"## {version} (2026-11-20)\"",
                start + 1
            )
        })?;
    let date = match bracketed {
        "unreleased" => None,
        text => Some(
            text.parse()
                .map_err(|error| format!("line {}: {error}", start + 1))?,
        ),
    };
    let end = headings().map(|(at, _)| at).find(|at| *at > start);
    let lines = changelog.lines().take(end.unwrap_or(usize::MAX));
    let text: Vec<&str> = lines.skip(start + 1).collect();
    let text = text.join("\n").trim().to_owned();
    if text.is_empty() {
        return Err(format!(
            "line {}: nothing is said about version {version}",
            start + 1
        ));
    }
    Ok(Notes { date, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "# Changelog\n\n## 0.2.0 (unreleased)\n\n- new\n\n## 0.1.0 (2026-11-20)\n\nFirst.\n\n- one\n- two\n";

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let notes = of_version(LOG, "0.2.0").unwrap();
        assert_eq!((notes.date, notes.text.as_str()), (None, "- new"));
        let notes = of_version(LOG, "0.1.0").unwrap();
        assert_eq!(notes.date, Date::new(2026, 11, 20));
        assert_eq!(notes.text, "First.\n\n- one\n- two");
    }

    #[test]
    fn what_is_no_section_is_told_with_its_place() {
        let check = |log: &str, version: &str, expect: &str| {
            let error = of_version(log, version).unwrap_err();
            assert!(error.contains(expect), "{error:?} lacks {expect:?}");
        };
        check(LOG, "0.3.0", "there are: 0.2.0 (unreleased), 0.1.0");
        check("", "0.1.0", "there is no section");
        check("## 0.1.0\nx", "0.1.0", "line 1: \"## 0.1.0\" needs the day");
        check(
            "\n## 0.1.0 (soon)\nx",
            "0.1.0",
            "line 2: \"soon\" is not a date",
        );
        check(
            "## 0.1.0 (unreleased)\n\n## 0.0.1 (unreleased)\nx",
            "0.1.0",
            "line 1: nothing is said",
        );
        check(
            "## 0.1.0 (unreleased)\nx\n## 0.1.0 (unreleased)\n",
            "0.1.0",
            "lines 1 and 3",
        );
        // A version is a word, not a beginning.
        check("## 0.1.01 (unreleased)\nx", "0.1.0", "there is no section");
    }
}
