//! Content encodings, undone to read a body; what is sent on stays as it came.

use std::io::{self, Read};

use bytes::Bytes;
use http::{HeaderMap, header};

/// The body without its content encodings; none when there is an encoding that is not understood, the bytes are not
/// what the encoding says, or the result exceeds the limit.
pub(crate) fn decoded(headers: &HeaderMap, body: &Bytes, limit: usize) -> Option<Bytes> {
    let mut encodings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        encodings.extend(value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()));
    }
    let mut bytes = body.clone();
    for encoding in encodings.into_iter().rev() {
        bytes = undo(encoding, &bytes, limit)?;
    }
    Some(bytes)
}

/// Whether anything is to be undone.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_ENCODING)
}

fn undo(encoding: &str, body: &Bytes, limit: usize) -> Option<Bytes> {
    let is = |name: &str| encoding.eq_ignore_ascii_case(name);
    if is("identity") {
        return Some(body.clone());
    }
    let bytes: &[u8] = body;
    let result = if is("gzip") || is("x-gzip") {
        all(flate2::read::MultiGzDecoder::new(bytes), limit)
    } else if is("deflate") {
        // Some senders leave the zlib header out.
        all(flate2::read::ZlibDecoder::new(bytes), limit)
            .or_else(|_| all(flate2::read::DeflateDecoder::new(bytes), limit))
    } else if is("br") {
        all(brotli_decompressor::Decompressor::new(bytes, 4096), limit)
    } else if is("zstd") {
        zstd::stream::read::Decoder::new(bytes).and_then(|decoder| all(decoder, limit))
    } else {
        return None;
    };
    result.ok()
}

fn all(decoder: impl Read, limit: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other("the body is larger than the limit when it is decoded"));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn headers(encoding: &'static str) -> HeaderMap {
        [(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))].into_iter().collect()
    }

    #[test]
    fn gzip_br_zstd_and_their_chains_are_understood() {
        let text = Bytes::from_static(b"{\"messages\":[]}");
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        // "{}" as brotli writes it uncompressed.
        let brotli = [0x8b, 0x00, 0x80, 0x7b, 0x7d, 0x03];
        assert_eq!(decoded(&headers("gzip"), &gzip(&text).into(), 99).unwrap(), text);
        assert_eq!(decoded(&headers("ZSTD"), &zstd.clone().into(), 99).unwrap(), text);
        assert_eq!(decoded(&headers("br"), &Bytes::copy_from_slice(&brotli), 99).unwrap(), "{}");
        assert_eq!(decoded(&headers("zstd, gzip"), &gzip(&zstd).into(), 99).unwrap(), text);
        assert_eq!(decoded(&HeaderMap::new(), &text, 99).unwrap(), text);
    }

    #[test]
    fn a_bomb_and_what_is_no_such_encoding_are_left_alone() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(decoded(&headers("gzip"), &bomb.into(), 1 << 19).is_none());
        assert!(decoded(&headers("gzip"), &Bytes::from_static(b"{}"), 99).is_none());
        assert!(decoded(&headers("aes128gcm"), &Bytes::from_static(b"{}"), 99).is_none());
    }
}
