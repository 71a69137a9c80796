//! The answer file, read by a parser of XML: what stands where, and that no value leaves its place.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use super::*;

/// Each text with the path that leads to it; passes and components by their names.
fn read(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut found): (Vec<String>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let mut text = String::new();
    loop {
        match reader.read_event().expect("it is well-formed") {
            Event::Start(start) => {
                let by_name = ["pass", "name"].into_iter().find_map(|name| {
                    let attribute = start.try_get_attribute(name).expect("well-formed")?;
                    Some(String::from_utf8_lossy(&attribute.value).into_owned())
                });
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                path.push(by_name.unwrap_or(name));
                text.clear();
            }
            Event::Text(piece) => text += &piece.decode().expect("UTF-8"),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().expect("a letter") {
                Some(letter) => text.push(letter),
                None => {
                    let name = entity.decode().expect("UTF-8");
                    text += resolve_predefined_entity(&name).expect("one of the five");
                }
            },
            Event::End(_) => {
                if !text.trim().is_empty() {
                    found.push((path.join("/"), std::mem::take(&mut text)));
                }
                text.clear();
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(path.is_empty(), "{path:?} is open at the end");
    found
}

fn values(choices: &Choices, path: &str) -> Vec<String> {
    let whole = format!("unattend/{path}");
    let all = read(&file(choices).expect("memory takes it"));
    let there = all.into_iter().filter(|(at, _)| *at == whole);
    there.map(|(_, value)| value).collect()
}

#[test]
fn each_pass_holds_what_it_must() {
    let check = |path: &str, expect: &[&str]| {
        assert_eq!(values(&Choices::default(), path), expect, "{path}");
    };
    let setup = |path: &str| format!("windowsPE/Microsoft-Windows-Setup/{path}");
    let disk = |path: &str| setup(&format!("DiskConfiguration/Disk/{path}"));
    check(&disk("DiskID"), &["0"]);
    check(&disk("WillWipeDisk"), &["true"]);
    check(
        &disk("CreatePartitions/CreatePartition/Type"),
        &["EFI", "MSR", "Primary"],
    );
    check(
        &disk("CreatePartitions/CreatePartition/Order"),
        &["1", "2", "3"],
    );
    check(&disk("ModifyPartitions/ModifyPartition/Letter"), &["C"]);
    let image = |path: &str| setup(&format!("ImageInstall/OSImage/{path}"));
    check(&image("InstallFrom/MetaData/Key"), &["/IMAGE/INDEX"]);
    check(&image("InstallFrom/MetaData/Value"), &["1"]);
    // The partition that is made last.
    check(&image("InstallTo/PartitionID"), &["3"]);
    check(&setup("UserData/AcceptEula"), &["true"]);
    check(&setup("UserData/ProductKey/Key"), &[]);
    check(&setup("UserData/ProductKey/WillShowUI"), &["OnError"]);
    check(
        "windowsPE/Microsoft-Windows-International-Core-WinPE/SetupUILanguage/UILanguage",
        &["en-US"],
    );
    check(
        "specialize/Microsoft-Windows-Shell-Setup/TimeZone",
        &["UTC"],
    );
    assert!(!COMPUTER.eq_ignore_ascii_case(USER) && COMPUTER.len() <= 15);
    let shell = |path: &str| format!("oobeSystem/Microsoft-Windows-Shell-Setup/{path}");
    check(&shell("AutoLogon/Enabled"), &["true"]);
    check(&shell("AutoLogon/Username"), &[USER]);
    check(&shell("AutoLogon/Password/Value"), &[PASSWORD]);
    let account = "UserAccounts/LocalAccounts/LocalAccount";
    check(&shell(&format!("{account}/Name")), &[USER]);
    check(&shell(&format!("{account}/Password/Value")), &[PASSWORD]);
    check(&shell(&format!("{account}/Group")), &["Administrators"]);
    check(&shell("OOBE/HideOnlineAccountScreens"), &["true"]);
    check(&shell("OOBE/ProtectYourPC"), &["3"]);
    let command = values(
        &Choices::default(),
        &shell("FirstLogonCommands/SynchronousCommand/CommandLine"),
    );
    assert!(command[0].contains(SCRIPT) && command[0].contains(LABEL));
    // "CommandLine is a string with a maximum length of 1024 characters."
    assert!(command[0].len() <= 1024);
}

#[test]
fn whatever_is_chosen_stays_one_value() {
    let hostile = r#"a</Value></MetaData><x y="1">&amp; 'b' ]]> <!-- ü"#;
    let choices = Choices {
        edition: hostile.into(),
        product_key: Some(hostile.into()),
        language: hostile.into(),
    };
    let plain = Choices {
        edition: "Windows 11 Pro".into(),
        product_key: Some("k".into()),
        language: "de-DE".into(),
    };
    let paths = |choices: &Choices| -> Vec<String> {
        let all = read(&file(choices).expect("memory takes it"));
        all.into_iter().map(|(path, _)| path).collect()
    };
    assert_eq!(paths(&choices), paths(&plain));
    let check = |path: &str| {
        let found = values(&choices, &format!("windowsPE/{path}"));
        assert_eq!(found, [hostile], "{path}");
    };
    check("Microsoft-Windows-Setup/ImageInstall/OSImage/InstallFrom/MetaData/Value");
    check("Microsoft-Windows-Setup/UserData/ProductKey/Key");
    check("Microsoft-Windows-International-Core-WinPE/UILanguage");
}

#[test]
fn the_script_knows_the_password_of_the_answer_file_and_the_agents_name() {
    let script = super::super::FIRST_LOGON;
    assert!(script.contains(&format!("'{PASSWORD}'")));
    assert!(script.contains(super::super::AGENT));
    // Windows PowerShell takes a file without a byte order mark for one in the system's code page.
    assert!(script.is_ascii());
}

#[test]
fn a_number_is_an_index() {
    assert_eq!(Edition::from("6"), Edition::Index(6));
    assert_eq!(Edition::from("Pro"), Edition::Name("Pro".into()));
}
