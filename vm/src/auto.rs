//! Which machine is the strongest that this host has, and why no stronger one.

/// A machine that may be taken.
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'static str,
    /// Whether the driver meets Windows on it.
    pub windows: bool,
    /// Whether it is there; why not, in words that follow "not taken:".
    pub probe: Box<dyn Fn() -> Result<(), String> + 'a>,
}

/// The first of `candidates` that is there and shows more than the last one, which is always there; and of each before it, why it was not
/// taken. Candidates stand in order of strength. Those behind the one that is taken are not probed.
///
/// # Panics
/// Without candidates.
#[must_use]
pub fn choose(candidates: &[Candidate<'_>]) -> (&'static str, Vec<String>) {
    let (last, stronger) = candidates.split_last().expect("there is always one");
    let mut why = Vec::new();
    for candidate in stronger {
        let there = if candidate.windows || last.windows {
            (candidate.probe)()
        } else {
            Err(format!("proves no more about Windows than {}", last.name))
        };
        match there {
            Ok(()) => return (candidate.name, why),
            Err(reason) => why.push(format!("{} not taken: {reason}", candidate.name)),
        }
    }
    (last.name, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine as `NAME` (Windows is met) or `(NAME)`, there or, behind a colon, why not.
    fn check(candidates: &[&str], expect: &str, why: &[&str]) {
        let parsed: Vec<Candidate<'_>> = candidates
            .iter()
            .map(|text| {
                let (name, reason) = text.split_once(": ").unwrap_or((text, ""));
                let linux = name.starts_with('(');
                Candidate {
                    name: match name.trim_matches(['(', ')']) {
                        "hyperv" => "hyperv",
                        "runner" => "runner",
                        "qemu" => "qemu",
                        _ => "sim",
                    },
                    windows: !linux,
                    probe: Box::new(move || match reason {
                        "" => Ok(()),
                        "never asked" => panic!("{name} is weaker than what was taken"),
                        reason => Err(reason.to_owned()),
                    }),
                }
            })
            .collect();
        assert_eq!(
            choose(&parsed),
            (expect, why.iter().map(|&line| line.into()).collect())
        );
    }

    #[test]
    fn the_strongest_that_is_there_is_taken() {
        check(&["(sim)"], "sim", &[]);
        check(
            &["hyperv", "runner: never asked", "(sim): never asked"],
            "hyperv",
            &[],
        );
        check(
            &["hyperv: no image", "runner", "(sim)"],
            "runner",
            &["hyperv not taken: no image"],
        );
        check(
            &["hyperv: no image", "runner: no Windows", "(sim)"],
            "sim",
            &["hyperv not taken: no image", "runner not taken: no Windows"],
        );
    }

    #[test]
    fn what_proves_nothing_about_windows_is_never_stronger() {
        check(
            &["(qemu)", "(sim)"],
            "sim",
            &["qemu not taken: proves no more about Windows than sim"],
        );
        check(&["qemu", "(sim)"], "qemu", &[]);
    }
}
