//! Whether the machine saw a rule broken.

use waverig_protocol::{Finding, Severity};

use super::{Context, Judgement, Outcome, first_few};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let findings = &context.evidence.findings;
    let errors: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(sentence)
        .collect();
    if errors.is_empty()
        && let Some(reason) = context.unfinished()
    {
        return Err(reason);
    }
    let notes = findings.len() - errors.len();
    let observed = match notes {
        0 => format!("{} error(s)", errors.len()),
        _ => format!("{} error(s), {notes} note(s)", errors.len()),
    };
    Outcome::new("0 errors", observed, &first_few(errors))
}

fn sentence(finding: &Finding) -> String {
    let place = finding
        .place
        .as_ref()
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    format!(
        "{}{place}: {} (rule: {})",
        finding.rule, finding.text, finding.source
    )
}
