//! The configurations that a server gets one after the other.

use std::fmt::Write as _;

use crate::wire::Scheme;

/// How long a server waits for a client that is slow, in seconds.
pub(crate) const PATIENCE: u64 = 4;

/// Who may send no more than some requests a second.
pub(crate) const LIMITED: [u8; 4] = [127, 0, 0, 9];

/// Writes the configuration of a round. The channels that good callers use are the same in all of them; round 0 is how
/// it began.
pub(crate) fn configuration(scheme: Scheme, round: u32) -> String {
    let mut text = server(scheme, round);
    text.push_str(CHANNELS);
    // With new names each time, so that whatever is kept of one that is gone would add up.
    for number in 0..round % 7 {
        let path = format!("/api/v{round}/{number}/{{client_id}}");
        // Writing to a string can't fail.
        let _ = writeln!(text, "  - {{name: other-{round}-{number}, url_path: '{path}', service: client.get}}");
    }
    if round % 7 > 2 {
        let _ = write!(
            text,
            "  - {{name: known-{round}, url_path: /known/{round}, service: client.get, security: Key {round}}}\n\
             security:\n  - {{name: Key {round}, type: apikey, password: soak}}\n\
             outgoing_loopback:\n  - {{name: Rates {round}}}\n  - {{name: Rates}}\n",
        );
    }
    text
}

/// Writes a configuration that has to be refused.
pub(crate) fn broken(scheme: Scheme, round: u32) -> String {
    let mistake = match round % 3 {
        0 => "  - {name: wrong, url_path: /wrong, service: no.such.service}\n",
        1 => "  - {name: wrong, url_path: /wrong\n",
        _ => "no_such_section: [{name: wrong}]\n",
    };
    server(scheme, round) + CHANNELS + mistake
}

fn server(scheme: Scheme, round: u32) -> String {
    let tls = match scheme {
        Scheme::Http => "",
        Scheme::Https => "  tls: {certificate: server.pem, key: server.key}\n",
    };
    let [a, b, c, d] = LIMITED;
    // No round is like another.
    let (burst, minimum_size) = (50 + round, 1 + round % 4);
    format!(
        "server:
  bind: 127.0.0.1:0
  admin: {{bind: '127.0.0.1:0'}}
{tls}  access_log: {{is_active: true, sample: 0.01}}
  header_timeout: {PATIENCE}s
  body_timeout: {PATIENCE}s
  write_timeout: {PATIENCE}s
  idle_timeout: 10s
  shutdown_timeout: 10s
  max_connections_per_address: 200
  compression: {{minimum_size: {minimum_size}KiB}}
  rate_limiting:
    - cidr_list: [{a}.{b}.{c}.{d}]
      time_range: [{{is_all_day: true, rate: 50, burst: {burst}}}]
"
    )
}

const CHANNELS: &str = "channel_rest:
  - {name: client, url_path: /api/v1/client, service: client.get, method: POST}
  - {name: report, url_path: /report, service: report.get, etag: true, cors: {allow_origins: '*'}}
  - {name: echo, url_path: /echo, service: file.echo, max_body_size: 10MiB}
  - {name: file, url_path: /file, service: file.get}
";
