//! The machine that a run computes on: takes a device's name and a number of threads, sets the process up and gives
//! libtorch's device.

use tch::Device;

/// Where and with how many threads to compute.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `cpu`, `cuda:N`, or `auto`: the first GPU if there is one.
    pub device: String,
    /// Threads for computing; `None`: one per core.
    pub threads: Option<i32>,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine { device: "auto".to_owned(), threads: None }
    }
}

/// A machine that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// No device is called so.
    #[error("there is no device `{0}`; give cpu, cuda:0 or auto")]
    UnknownDevice(String),
    /// Less than one thread.
    #[error("--threads takes 1 or more")]
    NoThreads,
    /// libtorch does not see the GPU.
    #[error(
        "cuda:{number} is not there: libtorch sees {found} GPUs; use --device cpu, or set up the CUDA build with \
         `./x setup --device cuda`"
    )]
    AbsentGpu {
        /// The GPU that was asked for.
        number: usize,
        /// How many there are.
        found: usize,
    },
}

impl Machine {
    /// Finds the device, and sets libtorch's threads and the allocator of this process.
    ///
    /// # Errors
    /// A device or number of threads that there is not.
    pub fn prepare(&self) -> Result<Device, MachineError> {
        let device = self.find()?;
        if let Some(threads) = self.threads {
            if threads < 1 {
                return Err(MachineError::NoThreads);
            }
            tch::set_num_threads(threads);
        }
        keep_memory();
        Ok(device)
    }

    fn find(&self) -> Result<Device, MachineError> {
        let cuda = tch::Cuda::is_available();
        match self.device.as_str() {
            "cpu" => Ok(Device::Cpu),
            "auto" if cuda => Ok(Device::Cuda(0)),
            "auto" => Ok(Device::Cpu),
            other => {
                let number = other
                    .strip_prefix("cuda")
                    .map(|rest| rest.strip_prefix(':').unwrap_or(if rest.is_empty() { "0" } else { rest }));
                let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) else {
                    return Err(MachineError::UnknownDevice(other.to_owned()));
                };
                let found = tch::Cuda::device_count().max(0) as usize;
                if !cuda || number >= found {
                    return Err(MachineError::AbsentGpu { number, found });
                }
                Ok(Device::Cuda(number))
            }
        }
    }
}

/// Bytes that a process can still get; `None` where the system does not tell.
pub(super) fn free_memory() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Resident bytes of this process; `None` where the system does not tell.
pub(super) fn memory_in_use() -> Option<u64> {
    own_memory("VmRSS:")
}

/// The most memory that this process has held, in MiB; `None` where the system does not tell.
pub fn peak_memory() -> Option<f64> {
    own_memory("VmHWM:").map(|bytes| bytes as f64 / f64::from(1 << 20))
}

fn own_memory(field: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Has the allocator keep freed activations instead of returning them to the system after every operation.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a call of the allocator; see below")]
fn keep_memory() {
    // SAFETY: sets two numbers of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}
