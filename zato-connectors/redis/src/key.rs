//! Keys under the prefix of their connection.

use redis::{RedisWrite, ToRedisArgs, ToSingleRedisArg};
use std::io::Write;

/// A key with the prefix of its connection before it, which are written one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) name: &'a str,
}

impl ToRedisArgs for Key<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut arg = out.writer_for_next_arg();
        // Memory takes everything.
        let _ = arg.write_all(self.prefix.as_bytes());
        let _ = arg.write_all(self.name.as_bytes());
    }
}

impl ToSingleRedisArg for Key<'_> {}
