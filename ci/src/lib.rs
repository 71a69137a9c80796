//! What is checked: scenarios, goldens, limits, verdicts, reports.
