//! A value that cannot move to another thread, kept across an `.await`.

use std::rc::Rc;

use zato::{Result, service};

#[service]
pub async fn ping() -> Result<()> {
    let local = Rc::new(1);
    std::future::ready(()).await;
    let _ = Rc::clone(&local);
    Ok(())
}

fn main() {}
