//! Every visibility, in modules and in functions, and names that come from where a service stands.

#![deny(unused, unreachable_pub, missing_debug_implementations)]

use zato::Service;
use zato::{Result, service, services};

#[service]
async fn private() -> Result<()> {
    Ok(())
}

mod api {
    pub(crate) mod user {
        use zato::{Invoke, Result, model, service};

        #[model]
        pub(crate) struct GetUser {
            pub(super) user_name: String,
        }

        #[service]
        pub(crate) async fn get_details(input: GetUser, #[invoke] next: Invoke<super::neighbour>) -> Result<()> {
            let _ = (input.user_name, next);
            Ok(())
        }

        #[service]
        pub(super) async fn hidden() -> Result<()> {
            Ok(())
        }
    }

    #[zato::service]
    pub(super) async fn neighbour() -> zato::Result<()> {
        Ok(())
    }

    pub(super) fn definitions() -> String {
        format!("{:?}", zato::services![user::hidden, neighbour])
    }
}

#[cfg(any())]
#[service]
async fn absent_before() -> NoSuchType {}

#[service]
#[cfg(any())]
async fn absent_after() -> NoSuchType {}

#[service]
#[cfg(not(any()))]
async fn present() -> Result<()> {
    Ok(())
}

#[service]
async fn r#type() -> Result<()> {
    Ok(())
}

/// Runs what is to be seen at run time.
pub fn main() {
    #[service]
    async fn local() -> Result<()> {
        Ok(())
    }
    let _ = services![private, api::user::get_details, present, r#type, local];
    let _ = api::definitions();
    let _ = api::user::get_details::definition();
}
