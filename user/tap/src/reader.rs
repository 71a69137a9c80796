//! Checks that blocks follow each other as the interface promises, and says exactly what is missing.

use crate::{Block, BlockFlags, Error, Format};

/// Frames that this client lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Generation they belonged to.
    pub generation: u32,
    /// Index of the first one.
    pub first_frame: u64,
    /// How many.
    pub frames: u64,
}

/// How a block follows the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// A generation begins: the format may be another one, and frames count from 0 again.
    pub new_generation: bool,
    /// Frames that are missing in front of the block.
    pub gap: Option<Gap>,
    /// The generation before was cut off: its end was not told, so it may have had more frames than were delivered. The
    /// driver counts them in `Status::lost_frames`.
    pub cut_off: bool,
    /// Generations that are missing as a whole between the one before and this one.
    pub generations_missed: u32,
    /// Ticks by which the block's time is later than the time of the block before and the frames since then say at the
    /// nominal rate, give or take one tick of rounding; 0 at the start of a generation. More: the stream paused, or its
    /// clock is steered.
    pub late_ticks: i64,
}

/// Remembers where the blocks of one handle have got to.
#[derive(Clone, Debug)]
pub struct Reader {
    qpc_frequency: i64,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    generation: u32,
    format: Format,
    next_frame: u64,
    ended: bool,
    /// First frame and time of the last block that had frames.
    timed: Option<(u64, i64)>,
}

impl Reader {
    /// A reader for a new handle. `qpc_frequency` is the session's, in ticks per second.
    #[must_use]
    pub fn new(qpc_frequency: i64) -> Self {
        Self {
            qpc_frequency,
            current: None,
        }
    }

    /// Takes the next block of the handle. After an error the block is not taken; the next one may be tried.
    pub fn accept(&mut self, block: &Block<'_>) -> Result<Step, Error> {
        let Some(format) = block.format else {
            return match self.current {
                Some(before) => Err(Error::OldGeneration {
                    before: before.generation,
                    got: 0,
                }),
                None => Ok(Step::default()),
            };
        };
        let before = self
            .current
            .filter(|before| before.generation == block.generation);
        let step = match before {
            Some(before) => self.goes_on(&before, block, format)?,
            None => self.begins(block)?,
        };
        let time = (block.first_frame, block.qpc);
        let timed = before.and_then(|before| before.timed);
        self.current = Some(Current {
            generation: block.generation,
            format,
            next_frame: block.end(),
            ended: block.is(BlockFlags::LAST) || before.is_some_and(|before| before.ended),
            timed: if block.count > 0 { Some(time) } else { timed },
        });
        Ok(step)
    }

    fn goes_on(&self, before: &Current, block: &Block<'_>, format: Format) -> Result<Step, Error> {
        if block.is(BlockFlags::FIRST) {
            return Err(Error::Contradiction("FIRST in the middle of a generation"));
        }
        if format != before.format {
            return Err(Error::Contradiction(
                "the format changed in the middle of a generation",
            ));
        }
        if before.ended && (block.count > 0 || block.lost > 0 || block.is(BlockFlags::LAST)) {
            return Err(Error::Contradiction(
                "more frames or another end after LAST",
            ));
        }
        // `first_frame` is at least `lost`: `Block::decode` refused anything else.
        if block.first_frame.saturating_sub(block.lost) != before.next_frame {
            let expected = before.next_frame.saturating_add(block.lost);
            return Err(Error::Hole {
                generation: block.generation,
                expected,
                got: block.first_frame,
            });
        }
        let late_ticks = match before.timed {
            Some((_, at)) if block.count > 0 && block.qpc < at => {
                return Err(Error::TimeBackwards {
                    before: at,
                    got: block.qpc,
                });
            }
            Some((frame, at)) if block.count > 0 => {
                let frames = u128::from(block.first_frame.saturating_sub(frame));
                let ticks = frames * u128::from(self.qpc_frequency.unsigned_abs())
                    / u128::from(format.rate.max(1));
                let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
                block.qpc.saturating_sub(at).saturating_sub(ticks)
            }
            _ => 0,
        };
        Ok(Step {
            gap: gap(block),
            late_ticks,
            ..Step::default()
        })
    }

    fn begins(&self, block: &Block<'_>) -> Result<Step, Error> {
        if !block.is(BlockFlags::FIRST) {
            return Err(Error::Contradiction("a generation begins without FIRST"));
        }
        let mut step = Step {
            new_generation: true,
            gap: gap(block),
            ..Step::default()
        };
        // The handle's first block may be in the middle of a stream; later generations were there from their frame 0.
        if let Some(before) = self.current {
            if block.generation < before.generation {
                return Err(Error::OldGeneration {
                    before: before.generation,
                    got: block.generation,
                });
            }
            if block.first_frame != block.lost {
                return Err(Error::Hole {
                    generation: block.generation,
                    expected: block.lost,
                    got: block.first_frame,
                });
            }
            if let Some((_, at)) = before.timed
                && block.count > 0
                && block.qpc < at
            {
                return Err(Error::TimeBackwards {
                    before: at,
                    got: block.qpc,
                });
            }
            step.cut_off = !before.ended;
            step.generations_missed = block.generation - before.generation - 1;
        }
        Ok(step)
    }
}

fn gap(block: &Block<'_>) -> Option<Gap> {
    (block.lost > 0).then(|| Gap {
        generation: block.generation,
        first_frame: block.first_frame.saturating_sub(block.lost),
        frames: block.lost,
    })
}
