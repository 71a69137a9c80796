//! Steering: what is asked, and which answers no clock gives.

use waverig_interface::wire::Wire;
use waverig_interface::{ClockState, Steer};

use crate::{Error, clock, request};

#[test]
fn requests_say_what_was_asked() {
    for (bytes, action, wanted_ppb) in [
        (request::steer(-17), 1, -17),
        (request::steer(1_000_000), 1, 1_000_000),
        (request::release(), 2, 0),
    ] {
        let expect = Steer {
            action,
            wanted_ppb,
            reserved: [0; 2],
        };
        assert_eq!(Steer::from_wire(&bytes), Some(expect));
    }
}

#[test]
fn a_clock_that_cannot_be_is_refused() {
    let good = ClockState {
        device_fraction: 999_999_999,
        slope_ppb: -20_000,
        target_ppb: -1_000_000,
        bound_ppb: 1_000_000,
        grid_ticks: 400_000,
        step_ppb: 20_000,
        steering: 2,
        ..ClockState::default()
    };
    let field = |field, value| Err(Error::Field { field, value });
    let wrong = |field, value: i64| (field, value.cast_unsigned());
    let rows: [(ClockState, Result<(), _>); 10] = [
        (good, Ok(())),
        (
            ClockState {
                slope_ppb: 1_000_000,
                ..good
            },
            Ok(()),
        ),
        (
            ClockState {
                device_fraction: 1_000_000_000,
                ..good
            },
            Err(wrong("ClockState.device_fraction", 1_000_000_000)),
        ),
        (
            ClockState {
                bound_ppb: 1_000_000_000,
                ..good
            },
            Err(wrong("ClockState.bound_ppb", 1_000_000_000)),
        ),
        (
            ClockState {
                slope_ppb: 1_000_001,
                ..good
            },
            Err(wrong("ClockState.slope_ppb", 1_000_001)),
        ),
        (
            ClockState {
                target_ppb: i32::MIN,
                ..good
            },
            Err(wrong("ClockState.target_ppb", i32::MIN.into())),
        ),
        (
            ClockState {
                grid_ticks: 0,
                ..good
            },
            Err(wrong("ClockState.grid_ticks", 0)),
        ),
        (
            ClockState {
                grid_ticks: -1,
                ..good
            },
            Err(wrong("ClockState.grid_ticks", -1)),
        ),
        (
            ClockState {
                step_ppb: 0,
                ..good
            },
            Err(wrong("ClockState.step_ppb", 0)),
        ),
        (
            ClockState {
                steering: 3,
                ..good
            },
            Err(wrong("ClockState.steering", 3)),
        ),
    ];
    for (state, expect) in rows {
        let mut bytes = [0; ClockState::BYTES];
        state.to_wire(&mut bytes).expect("room");
        match expect {
            Ok(()) => assert_eq!(clock(&bytes), Ok(state)),
            Err((name, value)) => assert_eq!(clock(&bytes), field(name, value)),
        }
    }
    let need = ClockState::BYTES;
    let short = Error::Short {
        reply: "CLOCK",
        need,
        got: 63,
    };
    assert_eq!(clock(&[0; 63]), Err(short));
}
