//! The picture of a virtual machine's screen, as Hyper-V gives it, as a file that every viewer opens.

/// Pixels.
pub(super) const WIDTH: u16 = 1024;
/// Pixels.
pub(super) const HEIGHT: u16 = 768;

/// Bytes before the pixels: BITMAPFILEHEADER, BITMAPINFOHEADER, three masks (wingdi.h).
const HEADER: u32 = 14 + 40 + 12;
/// `BI_BITFIELDS`: the masks say where the colours are.
const BITFIELDS: u32 = 3;
/// Red, green and blue of RGB565.
const MASKS: [u32; 3] = [0xF800, 0x07E0, 0x001F];

/// A bitmap of raw RGB565, whose rows come from top to bottom, each pixel little-endian (inferred: the page only says "raw RGB 565").
/// `None` when the number of bytes is not that of such a picture.
pub(super) fn bitmap(pixels: &[u8], width: u16, height: u16) -> Option<Vec<u8>> {
    let row = usize::from(width) * 2;
    if row == 0 || pixels.len() != row * usize::from(height) {
        return None;
    }
    // Rows of a bitmap begin at multiples of four bytes.
    let padding = (4 - row % 4) % 4;
    let size = (row + padding) * usize::from(height);
    let size = u32::try_from(size).ok()?;
    let mut file = Vec::with_capacity((HEADER + size) as usize);
    file.extend(b"BM");
    for number in [HEADER + size, 0, HEADER, 40, u32::from(width)] {
        file.extend(number.to_le_bytes());
    }
    // A negative height: from top to bottom.
    file.extend((-i32::from(height as i16)).to_le_bytes());
    for number in [1_u16, 16] {
        file.extend(number.to_le_bytes());
    }
    for number in [BITFIELDS, size, 0, 0, 0, 0].iter().chain(&MASKS) {
        file.extend(number.to_le_bytes());
    }
    for row in pixels.chunks_exact(row) {
        file.extend(row);
        file.extend(&[0; 3][..padding]);
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_bitmap_of_its_size() {
        let check = |width: u16, height: u16, bytes: usize, expect: Option<usize>| {
            let file = bitmap(&vec![7; bytes], width, height);
            assert_eq!(file.as_ref().map(Vec::len), expect, "{width}×{height}");
            if let Some(file) = file {
                assert_eq!(
                    file[2..6],
                    u32::try_from(file.len()).expect("small").to_le_bytes()
                );
                assert_eq!(
                    i32::from_le_bytes([file[22], file[23], file[24], file[25]]),
                    -i32::from(height)
                );
            }
        };
        check(WIDTH, HEIGHT, 1024 * 768 * 2, Some(66 + 1024 * 768 * 2));
        check(3, 2, 12, Some(66 + 16));
        check(3, 2, 11, None);
        check(0, 0, 0, None);
    }
}
