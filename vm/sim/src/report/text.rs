//! A report as text for people.

use std::fmt;

use super::{Report, StackFrame};
use crate::time::Qpc;

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
        writeln!(f, "error[{}]: {}", self.rule, self.text)?;
        writeln!(f, "  rule: {}", self.title)?;
        writeln!(f, "  from: {}", self.source)?;
        if let Some(code) = &self.code {
            writeln!(
                f,
                "  Windows would stop with {code} ({})",
                self.parameters.join(", ")
            )?;
        }
        writeln!(
            f,
            "  at {} of virtual time, seed {}",
            Qpc(self.at),
            self.seed
        )?;
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

fn list(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    lines.iter().try_for_each(|line| writeln!(f, "  {line}"))
}
