//! Filter descriptions that are right but for one thing.

use waverig_portcls::id::KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE;
use waverig_portcls::{
    KSATTRIBUTE, KSATTRIBUTE_LIST, KSDATARANGE, KSDATARANGE_ATTRIBUTES, KSDATARANGE_AUDIO,
    KSTOPOLOGY_CONNECTION, PCAUTOMATION_TABLE, PCFILTER_DESCRIPTOR, PCNODE_DESCRIPTOR,
    PCPIN_DESCRIPTOR, PCPROPERTY_ITEM,
};

use super::description;
use crate::mock::{topology, wave};

fn check(from: PCFILTER_DESCRIPTOR, change: impl FnOnce(&mut PCFILTER_DESCRIPTOR), expect: &str) {
    let (_, findings) = description(change, from);
    assert!(
        findings.iter().any(|finding| finding.contains(expect)),
        "{findings:?} do not say {expect:?}"
    );
}

fn check_pin(change: impl FnOnce(&mut PCPIN_DESCRIPTOR), expect: &str) {
    let from = wave();
    // SAFETY: the description has two pins.
    let mut pins = unsafe { [from.Pins.read(), from.Pins.add(1).read()] };
    change(&mut pins[1]);
    check(from, |head| head.Pins = pins.as_ptr(), expect);
}

#[test]
fn right_descriptions_are_read_without_a_finding() {
    for (from, pins, nodes, connections) in [(wave(), 2, 0, 1), (topology(), 2, 1, 2)] {
        let (read, findings) = description(|_| {}, from);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(
            (read.pins.len(), read.nodes.len(), read.connections.len()),
            (pins, nodes, connections)
        );
    }
}

#[test]
fn sizes_counts_and_pointers_must_fit() {
    check(wave(), |head| head.Version = 1, "its Version is 1");
    check(wave(), |head| head.PinSize = 104, "pins of 104 bytes");
    check(wave(), |head| head.PinSize = 113, "pins of 113 bytes");
    check(
        wave(),
        |head| head.Pins = std::ptr::null(),
        "2 pins but no array",
    );
    check(topology(), |head| head.NodeSize = 24, "nodes of 24 bytes");
    check(
        wave(),
        |head| head.CategoryCount = 1,
        "1 categories but no array",
    );
}

#[test]
fn automation_tables_must_be_whole() {
    let table = |change: &dyn Fn(&mut PCAUTOMATION_TABLE), expect: &str| {
        let from = wave();
        // SAFETY: the description has a table with two properties.
        let mut table = unsafe { from.AutomationTable.read() };
        change(&mut table);
        check(from, |head| head.AutomationTable = &raw const table, expect);
    };
    table(
        &|table| table.PropertyItemSize = 20,
        "property items of 20 bytes",
    );
    table(
        &|table| table.Properties = std::ptr::null(),
        "2 property items at 0x0",
    );
    table(&|table| table.Reserved = 1, "1 in its reserved field");
    // SAFETY: as above.
    let item = unsafe { (*wave().AutomationTable).Properties.read() };
    let silent = [PCPROPERTY_ITEM { Flags: 0, ..item }; 2];
    table(
        &|table| table.Properties = silent.as_ptr(),
        "property item 0 lacks its set, its verbs or its handler",
    );
}

#[test]
fn connections_must_join_what_is_there() {
    let connect = |from: (u32, u32), to: (u32, u32), expect: &str| {
        let one = KSTOPOLOGY_CONNECTION {
            FromNode: from.0,
            FromNodePin: from.1,
            ToNode: to.0,
            ToNodePin: to.1,
        };
        check(wave(), |head| head.Connections = &raw const one, expect);
    };
    connect((u32::MAX, 0), (3, 1), "goes to node 3 of 0");
    connect((u32::MAX, 0), (u32::MAX, 2), "goes to pin 2 of 2");
    connect((u32::MAX, 1), (u32::MAX, 0), "data flows the other way");
}

#[test]
fn pins_must_be_what_they_say() {
    check_pin(|pin| pin.KsPinDescriptor.DataFlow = 0, "data flow 0");
    check_pin(
        |pin| pin.KsPinDescriptor.Communication = 9,
        "communication 9",
    );
    check_pin(
        |pin| pin.MaxGlobalInstanceCount = 1,
        "is a bridge pin with the instance counts [1, 0, 0]",
    );
    check_pin(
        |pin| pin.KsPinDescriptor.DataRangesCount = 0,
        "has no data ranges",
    );
}

/// The audio range of the wave filter that is right.
fn audio_range() -> KSDATARANGE_AUDIO {
    let from = wave();
    // SAFETY: pin 0 has one audio range.
    unsafe {
        (*from.Pins)
            .KsPinDescriptor
            .DataRanges
            .read()
            .cast::<KSDATARANGE_AUDIO>()
            .read()
    }
}

#[test]
fn data_ranges_must_be_whole() {
    let range = |change: &dyn Fn(&mut KSDATARANGE_AUDIO), expect: &str| {
        let mut audio = audio_range();
        change(&mut audio);
        let ranges: [*const KSDATARANGE; 1] = [(&raw const audio).cast()];
        check_pin(
            |pin| pin.KsPinDescriptor.DataRanges = ranges.as_ptr(),
            expect,
        );
    };
    range(&|audio| audio.DataRange.FormatSize = 84, "has the size 84");
    range(&|audio| audio.MaximumChannels = 0, "allows no channel");
    range(
        &|audio| audio.MinimumSampleFrequency = 96_000,
        "limits 96000 to 48000",
    );
    range(
        &|audio| audio.DataRange.Flags = KSDATARANGE_ATTRIBUTES,
        "no list of attributes follows",
    );
}

#[test]
fn a_signal_processing_attribute_is_bare_and_stands_once() {
    let attribute = |size: usize| KSATTRIBUTE {
        Size: size as u32,
        Flags: 0,
        Attribute: KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE,
    };
    let check_list = |attributes: &[KSATTRIBUTE], expect: &str| {
        let mut audio = audio_range();
        audio.DataRange.Flags = KSDATARANGE_ATTRIBUTES;
        let places: Vec<*const KSATTRIBUTE> = attributes.iter().map(std::ptr::from_ref).collect();
        let list = KSATTRIBUTE_LIST {
            Count: places.len() as u32,
            Attributes: places.as_ptr(),
        };
        let ranges: [*const KSDATARANGE; 2] = [(&raw const audio).cast(), (&raw const list).cast()];
        check_pin(
            |pin| {
                pin.KsPinDescriptor.DataRanges = ranges.as_ptr();
                pin.KsPinDescriptor.DataRangesCount = 2;
            },
            expect,
        );
    };
    check_list(&[attribute(40)], "of 40 bytes, not 24");
    check_list(&[attribute(24), attribute(24)], "attribute 1 a second time");
    check_list(&[attribute(8)], "less than a KSATTRIBUTE");
    check_list(&[], "a list of 0 attributes");
}

#[test]
fn nodes_must_be_told_apart() {
    let from = topology();
    // SAFETY: the description has one node.
    let node = unsafe { from.Nodes.read() };
    let two = [node, node];
    let twice = |head: &mut PCFILTER_DESCRIPTOR| (head.Nodes, head.NodeCount) = (two.as_ptr(), 2);
    check(topology(), twice, "node 0 has no name");
    let untyped = PCNODE_DESCRIPTOR {
        Type: std::ptr::null(),
        ..node
    };
    check(
        topology(),
        |head| head.Nodes = &raw const untyped,
        "node 0 has no type",
    );
}
