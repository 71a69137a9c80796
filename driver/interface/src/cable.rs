//! The cables of a device and the names of their taps.

/// Most cables of a device.
pub const MAX_CABLES: u8 = 8;

/// Reference strings of the taps, the first cable's first.
const TAPS: [&str; MAX_CABLES as usize] = [
    "Tap1", "Tap2", "Tap3", "Tap4", "Tap5", "Tap6", "Tap7", "Tap8",
];

/// Which cable of a device: 1 to [`MAX_CABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CableNumber(u8);

impl CableNumber {
    /// The cable that every device has.
    pub const FIRST: Self = Self(1);

    /// `None` for 0 and above [`MAX_CABLES`].
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            1..=MAX_CABLES => Some(Self(number)),
            _ => None,
        }
    }

    /// The number, from 1.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The place in a list of cables, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0 - 1) as usize
    }

    /// The first `count` of them; at most [`MAX_CABLES`].
    pub fn first(count: u8) -> impl Iterator<Item = Self> {
        (1..=count.min(MAX_CABLES)).map(Self)
    }

    /// Reference string of the cable's tap: the name that the file object of a tap handle carries.
    #[must_use]
    pub const fn tap_reference(self) -> &'static str {
        TAPS[self.index()]
    }

    /// The cable whose tap has this reference string, in any case; UTF-16, without the backslash of a file's name.
    pub fn of_tap_reference(name: impl IntoIterator<Item = u16> + Clone) -> Option<Self> {
        Self::first(MAX_CABLES).find(|cable| {
            let lower = |unit: u16| u8::try_from(unit).map(|ascii| ascii.to_ascii_lowercase());
            let reference = cable.tap_reference().bytes();
            name.clone()
                .into_iter()
                .map(lower)
                .eq(reference.map(|ascii| Ok(ascii.to_ascii_lowercase())))
        })
    }
}
