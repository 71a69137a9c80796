//! The client of a soak: days of a stream, in which it only looks where the stream is.

use std::rc::Rc;

use waverig_protocol::scenario::{Scenario, Soak};

use super::journal::Journal;
use super::stream::{Setup, Stream};
use super::tap::{Reading, Tap};
use super::{Place, UserError, task};
use crate::kernel::kernel;
use crate::pnp::node::Node;
use crate::time::{Hns, QPC_FREQUENCY};

/// After the clock was let go it is back at its nominal rate by then: the driver promises 2 s.
const BACK: Hns = Hns::from_secs(3);

/// Opens a stream and a tap, looks, stops and closes.
pub(super) async fn run(
    scenario: Scenario,
    soak: Soak,
    place: Place,
    link: String,
    node: Option<Rc<Node>>,
    journal: Journal,
) -> Result<(), UserError> {
    let reading = Reading {
        read_frames: 0,
        reads: 0,
        lives: vec![(journal.clone(), scenario.format.frame_bytes())],
        disturbances: Vec::new(),
        node: node.clone(),
        share: None,
    };
    let setup = Setup {
        format: scenario.format,
        client: scenario.client,
        mode: None,
        disturbances: scenario.disturbances,
        journal,
        node,
        stop: None,
    };
    let tap = Tap::open(&link, &reading)?;
    let played = match Stream::open(&place, &setup) {
        Ok(mut stream) => {
            let looked = looks(&mut stream, &tap, &soak).await;
            stream.finish(looked)
        }
        Err(error) => Err(error),
    };
    played.and(tap.finish(false).await)
}

async fn looks(stream: &mut Stream, tap: &Tap, soak: &Soak) -> Result<(), UserError> {
    let start = stream.start()?;
    let mut rates = soak.steer.iter().copied().cycle();
    for number in 1..=soak.looks {
        // The processor is held: nothing runs, and what fell due meanwhile runs late.
        let due = start + Hns(soak.look(number, QPC_FREQUENCY));
        kernel().clock.advance_to(due);
        stream.position_near(tap.clock()?)?;
        task::sleep(Hns::from_millis(soak.run_ms.into())).await;
        stream.position_near(tap.clock()?)?;
        if let Some(ppb) = rates.next() {
            tap.steer(Some(ppb))?;
        }
    }
    if !soak.steer.is_empty() {
        tap.steer(None)?;
        task::sleep(BACK).await;
        stream.position_near(tap.clock()?)?;
    }
    Ok(())
}
