//! A method.

use zato::{Result, service};

pub struct Users;

impl Users {
    #[service]
    pub async fn get(&self) -> Result<()> {
        Ok(())
    }
}

fn main() {}
