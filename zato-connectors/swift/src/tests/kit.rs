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
    Swift, SwiftConnector,
    memory::SwiftServer,
    testing::{FakeSwift, prepared},
};

const AUTH_URL: &str = "ZATO_TEST_SWIFT_AUTH_URL";

/// A connection to an account, of which a test has the containers whose names begin with its own.
pub(crate) struct Kit {
    pub(crate) swift: Swift,
    prefix: String,
    /// Words for what failed where.
    pub(crate) place: &'static str,
    keep: Keep,
}

enum Keep {
    Fake(FakeSwift),
    Real { _supervised: Supervised },
}

/// Connects to every Swift there is.
pub(crate) async fn everywhere(keys: &str) -> Vec<Kit> {
    let mut kits = vec![fake(keys).await];
    kits.extend(real(keys).await);
    kits
}

/// Connects to one in this process.
pub(crate) async fn fake(keys: &str) -> Kit {
    let fake = FakeSwift::of(SwiftServer::new(), keys).await;
    Kit { swift: fake.swift(), prefix: unique(), place: "in memory", keep: Keep::Fake(fake) }
}

/// Connects to a real one, if there is one.
pub(crate) async fn real(keys: &str) -> Option<Kit> {
    let (swift, supervised) = connected(keys).await?;
    Some(Kit { swift, prefix: unique(), place: "on a real server", keep: Keep::Real { _supervised: supervised } })
}

async fn connected(keys: &str) -> Option<(Swift, Supervised)> {
    static LEFT_OUT: Once = Once::new();
    let Ok(auth_url) = env::var(AUTH_URL) else {
        LEFT_OUT.call_once(|| {
            let _ = writeln!(
                io::stderr(),
                "LEFT OUT: what a real Swift does: {AUTH_URL} is not set; `cargo xtask test` sets it"
            );
        });
        return None;
    };
    let (user, key) = (env::var("ZATO_TEST_SWIFT_USER").unwrap(), env::var("ZATO_TEST_SWIFT_KEY").unwrap());
    let login = format!("auth_url: '{auth_url}'\nuser: '{user}'\nkey: '{key}'");
    let prepared = prepared(&format!("name: real\n{login}\n{keys}")).unwrap();
    let supervised = Supervised::new::<SwiftConnector>("real", prepared, None, Ambient::default());
    supervised.begin().await;
    supervised.tried().await;
    let slot = supervised.connection().into_any().downcast().unwrap();
    Some((Swift::from_slot(slot), supervised))
}

fn unique() -> String {
    format!("zt{:x}-", RandomState::new().hash_one(0))
}

impl Kit {
    /// Returns the name of a container of this test.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Connects once more to the same account, as another process does.
    pub(crate) async fn another(&self, keys: &str) -> Self {
        let (swift, keep) = match &self.keep {
            Keep::Fake(fake) => {
                let fake = FakeSwift::of(fake.server().clone(), keys).await;
                (fake.swift(), Keep::Fake(fake))
            }
            Keep::Real { .. } => {
                let (swift, supervised) = connected(keys).await.unwrap();
                (swift, Keep::Real { _supervised: supervised })
            }
        };
        Self { swift, prefix: self.prefix.clone(), place: self.place, keep }
    }

    /// Makes a container of this test, and returns its name.
    pub(crate) async fn container(&self, name: &str) -> String {
        let name = self.name(name);
        assert!(self.swift.container(&name).create().await.unwrap(), "{}", self.place);
        name
    }

    /// Returns the server, if it is one in this process.
    pub(crate) fn server(&self) -> Option<&SwiftServer> {
        if let Keep::Fake(fake) = &self.keep { Some(fake.server()) } else { None }
    }
}
