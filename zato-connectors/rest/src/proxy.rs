//! The PROXY protocol: whom a proxy in front of us speaks for, in versions 1 and 2.
//!
//! The header comes before everything else on a connection, also before TLS. Exactly its bytes are taken from the
//! connection, so that what follows finds it as if nothing had been there.

use std::{io, net::SocketAddr};

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// What version 2 begins with (PROXY protocol §2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// How long a header of version 1 is at most (PROXY protocol §2.1).
const MAX_V1: usize = 107;

/// How long a header of version 2 may be. Addresses take 216 bytes at most, and proxies add a few hundred of their own, the
/// names of a client certificate among them.
const MAX_V2: usize = 4096;

/// Reads the header that a connection has to begin with, and returns the address it speaks for; `None` if that is the
/// proxy itself, which looks whether we are there, or a client whose address is none of TCP's.
pub(crate) async fn source(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    // No header is shorter: the least is "PROXY UNKNOWN" and the end of its line.
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == *SIGNATURE {
        read_v2(stream, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        read_v1(stream, &mut header).await?;
    } else {
        return Err(malformed());
    }
    parse(&header)
}

/// Reads up to the end of the line, and not a byte more.
async fn read_v1(stream: &mut TcpStream, header: &mut Vec<u8>) -> io::Result<()> {
    while !header.ends_with(b"\n") {
        let mut ahead = [0; MAX_V1];
        let seen = stream.peek(&mut ahead).await?;
        let seen = ahead.get(..seen).unwrap_or_default();
        let line = seen.split_inclusive(|byte| *byte == b'\n').next().ok_or(io::ErrorKind::UnexpectedEof)?;
        if header.len() + line.len() > MAX_V1 {
            return Err(malformed());
        }
        let start = header.len();
        header.resize(start + line.len(), 0);
        stream.read_exact(header.get_mut(start..).unwrap_or_default()).await?;
    }
    Ok(())
}

/// Reads as much as the header says it has.
async fn read_v2(stream: &mut TcpStream, header: &mut Vec<u8>) -> io::Result<()> {
    let mut start = [0; 4];
    stream.read_exact(&mut start).await?;
    let [_, _, high, low] = start;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_V2 {
        return Err(malformed());
    }
    header.extend_from_slice(&start);
    let start = header.len();
    header.resize(start + length, 0);
    stream.read_exact(header.get_mut(start..).unwrap_or_default()).await?;
    Ok(())
}

fn parse(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(header, config) {
        Ok((parsed, length)) if length == header.len() => {
            Ok(parsed.proxied_address().filter(|found| found.protocol == Protocol::Stream).map(|found| found.source))
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what comes first is no header of the PROXY protocol")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    const V4: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x01\xbb";

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    /// What is read of a connection that begins so, and what is left for whoever comes next.
    async fn read(sent: &[u8]) -> Result<(Option<SocketAddr>, Vec<u8>), io::ErrorKind> {
        let (mut client, mut server) = pair().await;
        client.write_all(sent).await.unwrap();
        client.shutdown().await.unwrap();
        let found = source(&mut server).await.map_err(|error| error.kind())?;
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        Ok((found, rest))
    }

    fn address(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test]
    async fn both_versions_are_read_and_nothing_that_follows() {
        for (header, expected) in [
            (&b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 443\r\n"[..], address("192.0.2.7:12345")),
            (b"PROXY TCP6 2001:db8::7 ::1 12345 443\r\n", address("[2001:db8::7]:12345")),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
            (V4, address("192.0.2.7:12345")),
            // The proxy itself, and with it an address that doesn't count.
            (b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", None),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x01\xbb", None),
            // With something that the proxy adds.
            (
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x10\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x01\xbb\x05\x00\x01x",
                address("192.0.2.7:12345"),
            ),
        ] {
            let (found, rest) = read(&[header, b"GET / HTTP/1.1\r\n\r\n"].concat()).await.unwrap();
            assert_eq!(
                (found, rest.as_slice()),
                (expected, &b"GET / HTTP/1.1\r\n\r\n"[..]),
                "{}",
                header.escape_ascii()
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200], b"\r\n"].concat();
        let longer = [SIGNATURE.as_slice(), b"\x21\x11\xff\xff", &[0; 0xffff]].concat();
        for (sent, expected) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], io::ErrorKind::InvalidData),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", io::ErrorKind::InvalidData),
            (b"PROXY TCP4 192.0.2.7 127.0.0.1 12345\r\n", io::ErrorKind::InvalidData),
            (b"PROXY TCP4 300.0.2.7 127.0.0.1 12345 443\r\n", io::ErrorKind::InvalidData),
            (b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 443\n", io::ErrorKind::InvalidData),
            (b"PROXY UDP4 192.0.2.7 127.0.0.1 12345 443\r\n", io::ErrorKind::InvalidData),
            (b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00", io::ErrorKind::InvalidData),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x02ab", io::ErrorKind::InvalidData),
            (&long, io::ErrorKind::InvalidData),
            (&longer, io::ErrorKind::InvalidData),
            (b"PROXY TCP4 192.0.2.7", io::ErrorKind::UnexpectedEof),
            (b"\r\n\r\n\0\r\nQUIT\n\x21", io::ErrorKind::UnexpectedEof),
            (b"", io::ErrorKind::UnexpectedEof),
        ] {
            assert_eq!(read(sent).await.unwrap_err(), expected, "{}", sent.escape_ascii());
        }
    }

    #[tokio::test]
    async fn a_header_may_come_in_pieces() {
        for header in [&b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 443\r\n"[..], V4] {
            let (mut client, mut server) = pair().await;
            let sending = async {
                for byte in header {
                    client.write_all(&[*byte]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let (found, ()) = tokio::join!(source(&mut server), sending);
            assert_eq!(found.unwrap(), address("192.0.2.7:12345"));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = parse(&[&SIGNATURE[..], &bytes].concat());
            let _ = parse(&[&b"PROXY TCP4 "[..], &bytes].concat());
        }

        #[test]
        fn every_address_is_read_as_it_was_written(address: SocketAddr) {
            let zone = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
            let found = proxy_header::ProxiedAddress::stream(zone(address), zone(address));
            let (mut v1, mut v2) = (Vec::new(), Vec::new());
            ProxyHeader::with_address(found.clone()).encode_v1(&mut v1).unwrap();
            ProxyHeader::with_address(found).encode_v2(&mut v2).unwrap();
            prop_assert_eq!(parse(&v1).unwrap(), Some(zone(address)));
            prop_assert_eq!(parse(&v2).unwrap(), Some(zone(address)));
        }
    }
}
