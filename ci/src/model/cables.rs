//! Several players: each cable is a perfect machine of its own, and what they tell is put together.

use waverig_protocol::scenario::Opening;
use waverig_protocol::timeline::Event;
use waverig_protocol::{Program, Reply};

use super::{alone, moment, opening};
use crate::evidence::Evidence;
use crate::scenario::ScenarioFile;

/// What a perfect machine tells about a scenario.
pub(crate) fn perfect(file: &ScenarioFile) -> Evidence {
    let (file, refusals) = opening::resolved(file);
    let file = &file;
    let players = file.scenario.programs().into_iter();
    let mut players = players.filter(|program| {
        matches!(program, Program::Main | Program::Player(_))
            && file.scenario.opening(*program) != Opening::Refused
    });
    let main = players.next().expect("the main player is the first");
    let mut all = of_player(file, main);
    all.timeline.extend(refusals);
    for player in players {
        let one = of_player(file, player);
        for program in file.scenario.programs() {
            hand_over(&mut all, &one, program, program);
        }
        all.timeline.extend(one.timeline);
    }
    all.timeline.sort_by_key(|each| each.qpc);
    all.recorded = crate::check::perfect_records(file, &all);
    all
}

/// Takes over what one program captured, under another name.
fn hand_over(all: &mut Evidence, one: &Evidence, from: Program, to: Program) {
    for piece in one.capture_of(from) {
        let reply = Reply::Capture {
            program: to,
            first_frame: piece.first_frame,
        };
        all.take(reply, piece.bytes.clone());
    }
}

/// What one player and the other programs of its cable see.
fn of_player(file: &ScenarioFile, player: Program) -> Evidence {
    let scenario = &file.scenario;
    let cable = scenario.cable_of(player).expect("a player");
    let mut own = file.clone();
    own.scenario = scenario.view_of(player).expect("a player");
    // What nobody plays to is the main player's to tell.
    let is_of =
        |other: u8| other == cable || player.is_main() && scenario.player_on(other).is_none();
    // Programs have the numbers of the whole scenario.
    let (recorders, recorder) = of_cable(&scenario.recorders, |one| is_of(one.cable));
    let (readers, reader) = of_cable(&scenario.tap_clients, |one| is_of(one.cable));
    (own.scenario.recorders, own.scenario.tap_clients) = (recorders, readers);
    // The cable that is played to is the first of a machine with one player.
    for one in own.scenario.recorders.iter_mut() {
        one.cable -= u8::from(one.cable == cable) * (cable - 1);
    }
    let whole = |program| match program {
        Program::Recorder(at) => Program::Recorder(recorder[usize::from(at) - 1]),
        Program::TapClient(at) => Program::TapClient(reader[usize::from(at) - 1]),
        Program::Main | Program::Player(_) => player,
    };
    // What plays later on its cable is what its recorders go on with.
    let mut players = scenario.players_on(cable).into_iter();
    let first = players.next() == Some(player);
    if !first {
        (own.scenario.recorders, own.scenario.tap_clients) = (Vec::new(), Vec::new());
    }
    let later = players.map(|player| ScenarioFile {
        scenario: scenario.view_of(player).expect("a player"),
        ..file.clone()
    });
    let later: Vec<ScenarioFile> = later.collect();
    let alone = alone(&own, &later, moment(scenario.start_ms));
    let mut evidence = Evidence::new(alone.machine.clone());
    (evidence.installed, evidence.log) = (alone.installed.clone(), alone.log.clone());
    // Nobody but a reader of its own has the tap of another cable than the first.
    let untapped = |program: Program| program.is_main() && cable != 1;
    for program in own.scenario.programs() {
        if !untapped(program) {
            hand_over(&mut evidence, &alone, program, whole(program));
        }
    }
    for mut stamped in alone.timeline {
        let of_the_tap = matches!(
            stamped.event,
            Event::Block { .. }
                | Event::TapOpened { .. }
                | Event::TapClosed { .. }
                | Event::Refused { .. }
        );
        // What happens to the device is told once.
        let of_the_device = matches!(stamped.event, Event::Device { .. }) && !player.is_main();
        if !(of_the_device || untapped(stamped.program) && of_the_tap) {
            stamped.program = whole(stamped.program);
            evidence.timeline.push(stamped);
        }
    }
    evidence
}

/// Those of a cable, and their numbers in the whole.
fn of_cable<T: Clone>(all: &[T], is: impl Fn(&T) -> bool) -> (Vec<T>, Vec<u8>) {
    let numbered = all.iter().cloned().zip(1..);
    numbered.filter(|(one, _)| is(one)).unzip()
}
