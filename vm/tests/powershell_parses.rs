//! Every PowerShell text that can be produced is one, by a grammar that was made elsewhere; whatever the arguments are.

use tree_sitter::Parser;
use waverig_vm::hyperv::Bytes;
use waverig_vm::hyperv::cmdlet::{self, VmId};
use waverig_vm::hyperv::powershell;
use waverig_vm::setup;

fn parses(text: &str) -> bool {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .expect("the grammar fits the parser");
    let tree = parser.parse(text, None).expect("it has a language");
    !tree.root_node().has_error()
}

/// How many commands a text has.
fn commands(text: &str) -> usize {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .expect("the grammar fits the parser");
    let tree = parser.parse(text, None).expect("it has a language");
    let mut nodes = vec![tree.root_node()];
    let mut found = 0;
    while let Some(node) = nodes.pop() {
        found += usize::from(node.kind() == "command");
        nodes.extend((0..node.child_count()).filter_map(|at| node.child(at as u32)));
    }
    found
}

/// Each text, with `value` wherever a text can be given.
fn scripts(value: &str) -> Vec<String> {
    let id = VmId(value.into());
    let units = [
        cmdlet::new_vhd_differencing(value, value),
        cmdlet::new_vhd_dynamic(value, Bytes(1 << 36)),
        cmdlet::add_vm_dvd_drive(&id, value),
        cmdlet::add_vm_hard_disk_drive(&id, value),
        cmdlet::set_vm_firmware_boot_order(&id),
        cmdlet::type_enter(&id, 15),
        cmdlet::set_vm(&id, 2, value),
        cmdlet::set_vm_firmware_without_secure_boot(&id),
        cmdlet::set_vm_com_port(&id, 1, value),
        cmdlet::remove_vm_network_adapter(&id),
        cmdlet::start_vm(&id),
        cmdlet::stop_vm(&id),
        cmdlet::remove_vm(&id),
        cmdlet::debug_vm(&id),
    ];
    let mut texts: Vec<String> = units.iter().map(|call| call.script().into()).collect();
    texts.extend([
        cmdlet::get_vm_host().script().into(),
        cmdlet::get_vhd(value).script().into(),
        cmdlet::new_vm(value, Bytes(1 << 32), value, value)
            .script()
            .into(),
        cmdlet::get_vm(&id).script().into(),
        cmdlet::get_vms().script().into(),
        cmdlet::thumbnail(&id, 1024, 768).script().into(),
        cmdlet::get_worker_events(&id, 200).script().into(),
        powershell::line(value),
        powershell::first_line(),
        powershell::HOST.into(),
        setup::FIRST_LOGON.into(),
        setup::answer::script_from_disc(),
    ]);
    texts
}

#[test]
fn the_grammar_rejects_what_is_broken() {
    for text in [
        "Get-VM -Id 'a",
        "Get-VM -Id 'a'b' | Remove-VM",
        "Get-VM | | Remove-VM",
        "Set-VM -VM (Get-VM -Id 'a'",
        "$a = @{ b = 1",
        "if (",
        "Get-VM }",
    ] {
        assert!(!parses(text), "{text}");
    }
    assert!(parses("Set-VM -VM (Get-VM -Id 'a') -Notes 'b''c'"));
    assert_eq!(commands("Set-VM -VM (Get-VM -Id 'a') | Out-Null"), 3);
}

#[test]
fn every_text_parses_and_no_argument_adds_a_command() {
    let plain = scripts("plain");
    for value in [
        "",
        "'",
        "''",
        "a' | Remove-VM -Force; '",
        "$(Remove-VM)",
        "`$env:x \"",
        "two\nlines",
        "@'\nhere\n'@",
        "# comment",
        "C:\\O'Neill\\{0} [x]*.vhdx",
        "ü\u{1F600}",
    ] {
        for (text, plain) in scripts(value).iter().zip(&plain) {
            assert!(parses(text), "{text}");
            assert_eq!(commands(text), commands(plain), "{text}");
        }
    }
}
