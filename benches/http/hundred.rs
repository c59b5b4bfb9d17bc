//! A hundred zato services, each behind a channel of its own; here, since their names begin with the module's, and no
//! service of a program may be named `zato.`.

use std::fmt::Write as _;

use crate::zato::{SERVER, channel};

macro_rules! ten_services {
    ($($tens:ident)*) => {
        $(mod $tens {
            ten_services!(@ s0 s1 s2 s3 s4 s5 s6 s7 s8 s9);
        })*

        /// Every one of them.
        pub(crate) fn services() -> zato::Services {
            let mut services = zato::Services::new();
            $(services = $tens::add(services);)*
            services
        }
    };
    (@ $($name:ident)*) => {
        $(#[zato::service]
        pub(crate) async fn $name(input: crate::zato::client::GetClientRequest) -> zato::Result<crate::zato::client::GetClientResponse> {
            crate::zato::client::get(&input)
        })*

        pub(super) fn add(services: zato::Services) -> zato::Services {
            services$(.add::<$name>())*
        }
    };
}

ten_services!(t0 t1 t2 t3 t4 t5 t6 t7 t8 t9);

/// A channel for each; the one that is asked is among them.
pub(crate) fn configuration() -> String {
    let mut config = SERVER.to_owned();
    for number in 0..100 {
        let (tens, ones) = (number / 10, number % 10);
        let path = if number == 0 { "/api/v1/client".to_owned() } else { format!("/api/v1/client-{number}") };
        let service = format!("hundred.t{tens}.s{ones}");
        // Writing to a string can't fail.
        let _ = write!(config, "{}", channel(&format!("client-{number}"), &path, &service));
    }
    config
}
