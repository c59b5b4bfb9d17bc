use std::{
    env,
    hash::{BuildHasher as _, RandomState},
    io::{self, Write as _},
    sync::Once,
};

use zato_core::{
    ambient::Ambient,
    connection::{Handle as _, Supervised},
};

use crate::{
    Redis, RedisConnector,
    memory::Memory,
    testing::{FakeRedis, prepared},
};

const URL: &str = "ZATO_TEST_REDIS_URL";

/// A connection that nobody else's keys are seen by.
pub(crate) struct Kit {
    pub(crate) redis: Redis,
    /// What the server shows to operators.
    pub(crate) name: String,
    /// Words for what failed where.
    pub(crate) place: &'static str,
    keep: Keep,
}

enum Keep {
    Fake(FakeRedis),
    Real { _supervised: Supervised },
}

pub(crate) fn unique() -> String {
    format!("zt{:x}", RandomState::new().hash_one(0))
}

/// Connects to every server there is, by every protocol.
pub(crate) async fn everywhere(keys: &str) -> Vec<Kit> {
    let mut kits = Vec::new();
    for protocol in [2, 3] {
        let name = unique();
        let client_name = if keys.contains("client_name") { String::new() } else { format!("client_name: {name}\n") };
        let keys = format!("{client_name}key_prefix: '{name}:'\nprotocol: {protocol}\n{keys}");
        let fake = FakeRedis::of(Memory::new(), &keys).await;
        kits.push(Kit { redis: fake.redis(), name: name.clone(), place: "in memory", keep: Keep::Fake(fake) });
        if let Some(kit) = real(name, &keys).await {
            kits.push(kit);
        }
    }
    kits
}

/// Connects to a real server, if there is one.
pub(crate) async fn real(name: String, keys: &str) -> Option<Kit> {
    static LEFT_OUT: Once = Once::new();
    let Ok(url) = env::var(URL) else {
        LEFT_OUT.call_once(|| {
            let _ = writeln!(
                io::stderr(),
                "LEFT OUT: what a real Redis does: {URL} is not set; `cargo xtask test` sets it"
            );
        });
        return None;
    };
    let prepared = prepared(&format!("name: real\nurl: '{url}'\n{keys}")).unwrap();
    let supervised = Supervised::new::<RedisConnector>("real", prepared, None, Ambient::default());
    supervised.begin().await;
    supervised.tried().await;
    let slot = supervised.connection().into_any().downcast().unwrap();
    Some(Kit {
        redis: Redis::from_slot(slot),
        name,
        place: "on a real server",
        keep: Keep::Real { _supervised: supervised },
    })
}

impl Kit {
    /// Returns the server, if it is one in this process.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        if let Keep::Fake(fake) = &self.keep { Some(fake.memory()) } else { None }
    }
}
