//! A broker in the process itself, for tests.
