//! A report as text for people.

use std::fmt;

use waverig_protocol::diagnostic::{self, Diagnostic};

use super::{Report, StackFrame};
use crate::time::Qpc;

/// Calls that the head of a report shows; all that are remembered stand below.
const FEW: usize = 4;

impl fmt::Display for StackFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.function, &self.file, self.line) {
            (Some(function), Some(file), Some(line)) => write!(
                f,
                "{function}\n          at {file}:{line}  ({})",
                self.place
            ),
            (Some(function), _, _) if self.place.is_empty() => write!(f, "-- {function} --"),
            (Some(function), _, _) => write!(f, "{function}  ({})", self.place),
            _ => f.write_str(&self.place),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.diagnostic())?;
        if !self.stack.is_empty() {
            writeln!(f, "\nstack, innermost first:")?;
            for (number, frame) in self.stack.iter().enumerate() {
                writeln!(f, "  {number:>3}  {frame}")?;
            }
        }
        if !self.registers.is_empty() {
            writeln!(f, "\nregisters:")?;
            for line in self.registers.chunks(4) {
                let words: Vec<String> = line
                    .iter()
                    .map(|(name, value)| format!("{name:>6} {value}"))
                    .collect();
                writeln!(f, "  {}", words.join(" "))?;
            }
        }
        list(
            f,
            "last calls between kernel and driver, oldest first",
            &self.calls,
        )?;
        list(f, "still to happen", &self.outlook)?;
        if !self.findings.is_empty() {
            writeln!(f, "\nrules broken before:")?;
            for finding in &self.findings {
                writeln!(f, "  {}", finding.to_string().replace('\n', "\n  "))?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// The head of it, in the form of a compiler's error.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let mut notes = vec![("rule", self.title.clone())];
        let pages = diagnostic::links(&self.source).into_iter();
        let lines: Vec<String> = [self.source.clone()].into_iter().chain(pages).collect();
        notes.push(("documentation", lines.join("\n")));
        if let Some(code) = &self.code {
            let parameters = self.parameters.join(", ");
            notes.push(("Windows would stop with", format!("{code} ({parameters})")));
        }
        let at = Qpc(self.at);
        notes.push(("at", format!("{at} of virtual time, seed {}", self.seed)));
        if !self.calls.is_empty() {
            let few = &self.calls[self.calls.len().saturating_sub(FEW)..];
            notes.push(("last calls", few.join("\n")));
        }
        if let Some(command) = &self.replay {
            notes.push(("replay", command.clone()));
        }
        Diagnostic {
            rule: self.rule.clone(),
            text: self.text.clone(),
            place: self.place.clone(),
            notes,
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
}
