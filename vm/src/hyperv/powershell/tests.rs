//! Processes that are no PowerShell but read and answer lines as it does: shell one-liners.
#![cfg(unix)]

use super::*;

fn shell(script: &str) -> PowerShell {
    PowerShell::new("sh".into(), vec!["-c".into(), script.into()])
}

/// Reads the first line, then answers each with what `answer` prints.
fn answering(answer: &str) -> PowerShell {
    shell(&format!(
        "read first; while read word code; do {answer}; done"
    ))
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn what_is_no_answer_is_set_aside() {
    let shell = answering("echo noise; echo 'waverig {\"value\":[1]}'");
    for _ in 0..2 {
        let answer = shell.run("Get-VM", LONG).expect("it answers");
        assert_eq!(answer, "{\"value\":[1]}");
    }
}

#[test]
fn a_script_arrives_as_it_is() {
    // base64(1) and iconv(1) undo what .NET undoes there.
    let shell = answering(
        "echo \"waverig $(echo \"$code\" | tr -d \"'\" | base64 -d | iconv -f UTF-16LE -t UTF-8)\"",
    );
    let script = "Get-VM -Name 'O''Neill \u{2019}\u{2019} \u{1F600}' | Out-Null";
    assert_eq!(shell.run(script, LONG).expect("it answers"), script);
}

#[test]
fn one_that_hangs_is_ended_and_the_next_script_gets_another() {
    // The first process leaves a mark and hangs; the next one finds it.
    let mark = std::env::temp_dir().join(format!("waverig-hang-{}", std::process::id()));
    let _ = std::fs::remove_file(&mark);
    let place = mark.display();
    let shell = shell(&format!(
        "if [ ! -e {place} ]; then echo $$ > {place}; exec sleep 1000; fi; read first; read word code; echo 'waverig {{}}'"
    ));
    let short = Duration::from_millis(500);
    let error = shell.run("Get-VM", short).expect_err("it hangs");
    assert!(
        matches!(error, Failure::Late(within) if within == short),
        "{error}"
    );
    let pid = std::fs::read_to_string(&mark).expect("it left its mark");
    let process = PathBuf::from("/proc").join(pid.trim());
    assert!(!process.exists(), "process {} is still there", pid.trim());
    assert_eq!(shell.run("Get-VM", LONG).expect("it answers"), "{}");
    std::fs::remove_file(mark).expect("it was made");
}

#[test]
fn one_that_ends_is_told_with_its_last_words() {
    let check = |script: &str, expect: &str| {
        let error = shell(script)
            .run("Get-VM", LONG)
            .expect_err("it ends")
            .to_string();
        assert!(error.contains(expect), "{error:?} does not say {expect:?}");
    };
    check(
        "echo this language mode is not allowed >&2",
        "this language mode",
    );
    check("exit 3", "it said nothing");
    let error = PowerShell::new("/nonexistent/powershell".into(), Vec::new())
        .run("Get-VM", LONG)
        .expect_err("there is none");
    assert!(
        error.to_string().contains("/nonexistent/powershell"),
        "{error}"
    );
}

#[test]
fn it_ends_when_its_input_does() {
    let mark = std::env::temp_dir().join(format!("waverig-end-{}", std::process::id()));
    let place = mark.display();
    let shell = shell(&format!(
        "read first; while read word code; do echo 'waverig {{}}'; done; echo well > {place}"
    ));
    shell.run("Get-VM", LONG).expect("it answers");
    drop(shell);
    assert_eq!(
        std::fs::read_to_string(&mark).expect("it was not killed"),
        "well\n"
    );
    std::fs::remove_file(mark).expect("it was made");
}
