//! What encoded bytes are, by their first ones.

/// Names the content of decoded bytes; `None` when it has no known beginning.
///
/// # Sources
/// The signatures that the formats' own specifications give.
pub(super) fn name_of(bytes: &[u8]) -> Option<String> {
    if let [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', rest @ ..] = bytes {
        let size = |at: usize| rest.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        return Some(match (size(8), size(12)) {
            (Some(width), Some(height)) => format!("PNG image of {width}x{height}"),
            _ => "PNG image".to_owned(),
        });
    }
    if bytes.starts_with(b"RIFF") && bytes.len() >= 12 {
        return match &bytes[8..12] {
            b"WEBP" => Some("WebP image".to_owned()),
            b"WAVE" => Some("WAV audio".to_owned()),
            _ => None,
        };
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some("MP4 media".to_owned());
    }
    let known = SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| (*name).to_owned());
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    known.or_else(|| (bytes.len() >= 16 && bytes.iter().all(is_text)).then(|| "ASCII text".to_owned()))
}

const SIGNATURES: &[(&[u8], &str)] = &[
    (&[0xff, 0xd8, 0xff], "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF-", "PDF document"),
    (&[0x1f, 0x8b], "gzip data"),
    (b"PK\x03\x04", "zip archive"),
    (b"\x7fELF", "ELF binary"),
    (b"\0asm", "WebAssembly module"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd data"),
    (b"BZh", "bzip2 data"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz data"),
    (&[b'7', b'z', 0xbc, 0xaf], "7z archive"),
    (&[0xcf, 0xfa, 0xed, 0xfe], "Mach-O binary"),
    (&[0xca, 0xfe, 0xba, 0xbe], "Java class or Mach-O binary"),
    (b"MZ", "Windows binary"),
    (b"SQLite format 3", "SQLite database"),
    (b"OggS", "Ogg media"),
    (b"fLaC", "FLAC audio"),
    (b"ID3", "MP3 audio"),
    (b"wOFF", "WOFF font"),
    (b"wOF2", "WOFF2 font"),
    (b"OTTO", "OpenType font"),
    (&[0, 1, 0, 0, 0], "TrueType font"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (&[0x30, 0x82], "DER certificate or key"),
    (b"<svg", "SVG image"),
    (b"<?xml", "XML text"),
    (b"{\"", "JSON text"),
];

/// Decodes the first bytes of base64, base64url or (when `hex`) of hex digits; stops at the first other character but
/// for blanks.
pub(super) fn decode_start(text: &str, hex: bool) -> Vec<u8> {
    let (bits, wanted) = if hex { (4, 24) } else { (6, 24) };
    let mut bytes = Vec::with_capacity(wanted);
    let (mut buffer, mut filled) = (0_u32, 0);
    for char in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match char {
            b'0'..=b'9' if hex => char - b'0',
            b'a'..=b'f' if hex => char - b'a' + 10,
            b'A'..=b'F' if hex => char - b'A' + 10,
            _ if hex => break,
            b'A'..=b'Z' => char - b'A',
            b'a'..=b'z' => char - b'a' + 26,
            b'0'..=b'9' => char - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        buffer = (buffer << bits) | u32::from(value);
        filled += bits;
        if filled >= 8 {
            filled -= 8;
            bytes.push((buffer >> filled) as u8);
            buffer &= (1 << filled) - 1;
            if bytes.len() == wanted {
                break;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_images_archives_and_text() {
        let name = |text: &str, hex| name_of(&decode_start(text, hex));
        let png = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA10dzk";
        assert_eq!(name(png, false).as_deref(), Some("PNG image of 640x480"));
        assert_eq!(name("7f454c46020101", true).as_deref(), Some("ELF binary"));
        assert_eq!(name("H4sIAAAAAAAA", false).as_deref(), Some("gzip data"));
        assert_eq!(name("eyJhbGciOiJIUzI1NiJ9", false).as_deref(), Some("JSON text"));
        assert_eq!(name("aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk", false).as_deref(), Some("ASCII text"));
        assert_eq!(name("", false), None);
        assert_eq!(name("gICAgICAgICA", false), None);
    }
}
