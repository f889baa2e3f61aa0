//! Being asked to stop: the first SIGINT, SIGTERM or SIGHUP is noted, so that a run can save and end; the second ends the
//! process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether somebody has asked to stop, and by which signal.
#[derive(Clone, Default)]
pub struct Asked {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Asked {
    /// Listens from now on. What is ignored already, as SIGHUP under `nohup`, stays ignored.
    pub fn listen() -> Asked {
        let asked = Asked::default();
        if let Err(error) = asked.register() {
            super::say(&format!("a signal will end this command without saving: {error}\n"));
        }
        asked
    }

    /// Set once somebody has asked.
    pub fn flag(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    /// Whether somebody has asked.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// The name and the number of the signal that asked.
    pub fn signal(&self) -> Option<(&'static str, u8)> {
        let number = self.signal.load(Ordering::SeqCst);
        SIGNALS.iter().find(|(_, known)| *known as usize == number).map(|(name, known)| (*name, *known as u8))
    }

    #[cfg(unix)]
    fn register(&self) -> std::io::Result<()> {
        for (_, signal) in SIGNALS.iter().filter(|(_, signal)| !ignored(*signal)) {
            // In this order: the first signal passes here, as nothing is noted yet.
            signal_hook::flag::register_conditional_shutdown(*signal, 128 + *signal, Arc::clone(&self.stop))?;
            signal_hook::flag::register_usize(*signal, Arc::clone(&self.signal), *signal as usize)?;
            signal_hook::flag::register(*signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn register(&self) -> std::io::Result<()> {
        for (_, signal) in SIGNALS {
            signal_hook::flag::register_conditional_shutdown(*signal, 130, Arc::clone(&self.stop))?;
            signal_hook::flag::register(*signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }
}

#[cfg(unix)]
const SIGNALS: &[(&str, i32)] =
    &[("SIGINT", libc::SIGINT), ("SIGTERM", libc::SIGTERM), ("SIGHUP", libc::SIGHUP)];
#[cfg(not(unix))]
const SIGNALS: &[(&str, i32)] = &[("Ctrl-C", signal_hook::consts::SIGINT)];

#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system; see below")]
fn ignored(signal: i32) -> bool {
    // SAFETY: asks for the present action of a signal, which is written into the place handed in.
    unsafe {
        let mut now = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(signal, std::ptr::null(), &mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}
