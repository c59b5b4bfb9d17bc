use http::{HeaderMap, header};

/// Types below `application` that are compressed already, or made of what is. Of `octet-stream` nobody says what it is,
/// and what nobody names is mostly one of the others.
const APPLICATIONS: [&[u8]; 16] = [
    b"gzip",
    b"java-archive",
    b"octet-stream",
    b"vnd.android.package-archive",
    b"vnd.apache.parquet",
    b"vnd.ms-cab-compressed",
    b"vnd.rar",
    b"x-7z-compressed",
    b"x-bzip",
    b"x-bzip2",
    b"x-gzip",
    b"x-rar-compressed",
    b"x-xz",
    b"x-zip-compressed",
    b"zip",
    b"zstd",
];

/// Families of such types, which are ZIP archives.
const FAMILIES: [&[u8]; 2] = [b"vnd.openxmlformats-officedocument.", b"vnd.oasis.opendocument."];

/// Whether what a reply carries is compressed by its nature, so that doing it again would only cost time.
pub(super) fn is_compressed(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return false };
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    let mut halves = essence.splitn(2, |byte| *byte == b'/');
    let (kind, subtype) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    match kind {
        b"image" => !(subtype.ends_with(b"+xml") || matches!(subtype, b"bmp" | b"x-ms-bmp")),
        b"audio" | b"video" => true,
        b"font" => matches!(subtype, b"woff" | b"woff2"),
        b"application" => {
            APPLICATIONS.contains(&subtype)
                || FAMILIES.iter().any(|family| subtype.starts_with(family))
                || [&b"+zip"[..], b"+gzip", b"+zstd"].iter().any(|suffix| subtype.ends_with(suffix))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn pictures_and_archives_are_compressed_and_texts_are_not() {
        let is_compressed = |content_type: &'static str| {
            is_compressed(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]))
        };
        for content_type in [
            "image/png",
            "Image/JPEG; q=1",
            "video/mp4",
            "audio/ogg",
            "font/woff2",
            "application/zip",
            "application/octet-stream",
            "application/epub+zip",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ] {
            assert!(is_compressed(content_type), "{content_type}");
        }
        for content_type in ["image/svg+xml", "application/json", "text/csv; charset=utf-8", "font/ttf", "", "zip"] {
            assert!(!is_compressed(content_type), "{content_type}");
        }
    }
}
