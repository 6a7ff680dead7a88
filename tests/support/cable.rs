//! A line to the emulator that can be cut, silenced and mended.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What passes everything on, both ways, while it is whole.
#[derive(Clone, Debug)]
pub struct Cable {
    pub endpoint: String,
    /// What is connected; `None` while it is cut.
    ends: Arc<Mutex<Option<Vec<TcpStream>>>>,
    silent: Arc<AtomicBool>,
}

impl Cable {
    /// Lays one to an address such as `http://127.0.0.1:4566`.
    pub fn to(endpoint: &str) -> Self {
        let target = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let cable = Self { endpoint, ends: Arc::new(Mutex::new(Some(Vec::new()))), silent: Arc::default() };
        let (ends, silent) = (Arc::clone(&cable.ends), Arc::clone(&cable.silent));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let mut ends = ends.lock().expect("no panic while held");
                // Whoever comes while it is cut is hung up on.
                let Some(open) = ends.as_mut() else { continue };
                let Ok(far) = TcpStream::connect(&target) else { continue };
                for end in [&near, &far] {
                    open.push(end.try_clone().expect("a second handle"));
                }
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    let silent = Arc::clone(&silent);
                    std::thread::spawn(move || pass(from, to, &silent));
                }
            }
        });
        cable
    }

    /// Hangs up on everybody, and on whoever comes.
    pub fn cut(&self) {
        for end in self.ends.lock().expect("no panic while held").take().into_iter().flatten() {
            end.shutdown(Shutdown::Both).ok();
        }
    }

    /// Takes what comes and keeps it back, both ways.
    pub fn silence(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Makes it whole again. What was kept back arrives now, whether or not anybody waits for it still.
    pub fn mend(&self) {
        self.silent.store(false, Ordering::Relaxed);
        self.ends.lock().expect("no panic while held").get_or_insert_default();
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut bytes) {
        while silent.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if count == 0 || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
