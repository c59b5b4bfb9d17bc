//! Where a server listens, always on loopback.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::BuildHasher as _,
    io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

/// What the file is called that keeps the ports.
const PORTS: &str = "ports";

/// Looks for free ones below those that the system gives away itself, by chance: a server that is started again listens
/// where it did, and nobody else may have come by that port meanwhile.
pub(super) fn choose(count: usize) -> io::Result<Vec<u16>> {
    const FIRST: u64 = 16_384;
    const COUNT: u64 = 16_384;
    let chance = RandomState::new();
    let mut chosen = Vec::new();
    for attempt in 0..1000_u32 {
        let port = u16::try_from(FIRST + chance.hash_one(attempt) % COUNT).map_err(io::Error::other)?;
        if !chosen.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            chosen.push(port);
        }
        if chosen.len() == count {
            return Ok(chosen);
        }
    }
    Err(io::Error::other("no free ports"))
}

/// Keeps them for [`read`].
pub(super) fn write(folder: &Path, ports: &[u16]) -> io::Result<()> {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    fs::write(folder.join(PORTS), ports.join(" "))
}

/// The ports of a server that was prepared in an earlier run.
pub(super) fn read(folder: &Path, count: usize) -> io::Result<Vec<u16>> {
    let text = fs::read_to_string(folder.join(PORTS))?;
    let ports: Vec<u16> = text.split(' ').filter_map(|port| port.parse().ok()).collect();
    if ports.len() == count { Ok(ports) } else { Err(io::Error::other(format!("no ports in {}", folder.display()))) }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::{
        super::{Kind as _, RabbitMq, own_folder},
        choose, read, write,
    };

    #[test]
    fn ports_are_chosen_once_for_a_server() {
        let folder = own_folder(RabbitMq.software());
        fs::create_dir(&folder).unwrap();
        let ports = choose(6).unwrap();
        write(&folder, &ports).unwrap();
        assert_eq!(read(&folder, 6).unwrap(), ports);
        read(&folder, 5).unwrap_err();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 6);
        fs::remove_dir_all(folder).unwrap();
    }
}
