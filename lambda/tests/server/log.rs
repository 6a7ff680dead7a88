//! What the server logs: of all that runs in this program, since a log is a process's.

use std::sync::{Mutex, Once};

use signup_service::journal;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        LOG.lock().expect("no panic while held").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged from now on.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| journal::subscribe(|| Log));
}

/// All that was kept so far.
pub fn kept() -> String {
    String::from_utf8_lossy(&LOG.lock().expect("no panic while held")).into_owned()
}
