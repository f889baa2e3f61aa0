//! Options that several commands share: the device and threads, and test-time compute.

use super::Failure;
use crate::distributed::Place;
use crate::exec::Kernels;
use crate::train::run::Machine;
use crate::train::{Choose, Protocol};
use tch::Device;

/// Choices of a command that runs on libtorch.
#[derive(clap::Args, Clone)]
pub struct MachineArgs {
    /// cpu, cuda:N, or auto: the first GPU if there is one
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Threads for computing (default: one per core)
    #[arg(long, value_name = "N")]
    pub threads: Option<i32>,
    /// Kernels on the CPU: amx, avx512, avx2 or portable (default: the best that the processor has), or libtorch's alone
    #[arg(long, value_name = "FORM", value_parser = kernels)]
    pub kernels: Option<Kernels>,
}

fn kernels(name: &str) -> Result<Kernels, String> {
    Kernels::named(name)
        .ok_or_else(|| "kernels are `amx`, `avx512`, `avx2`, `portable` or `libtorch`".to_owned())
}

impl MachineArgs {
    /// The machine that was asked for.
    pub fn machine(&self) -> Machine {
        if let Some(kernels) = self.kernels {
            kernels.choose();
        }
        Machine { device: self.device.clone(), threads: self.threads }
    }

    /// The same for one of several processes: those of a machine take its GPUs in turn.
    pub fn machine_of(&self, place: Option<&Place>) -> Machine {
        let machine = self.machine();
        match place {
            Some(place) if machine.device == "auto" && tch::Cuda::is_available() => {
                let count = tch::Cuda::device_count().max(1) as usize;
                Machine { device: format!("cuda:{}", place.local_rank % count), ..machine }
            }
            _ => machine,
        }
    }

    /// Its device, ready to compute.
    pub fn device(&self) -> Result<Device, Failure> {
        Ok(self.machine().prepare()?)
    }
}

/// More compute at test time, as options of a command; what is not given stands in the run file.
#[derive(clap::Args, Clone, Default)]
pub struct TestTimeArgs {
    /// Answer each example (or each view of it) so many times; the model must draw noise (models/ptrm.tot)
    #[arg(long, value_name = "K")]
    pub rollouts: Option<usize>,
    /// Answer so many symmetric views of each example
    #[arg(long, value_name = "K")]
    pub views: Option<usize>,
    /// Which of the answers counts: confidence, residual or vote
    #[arg(long, value_name = "WAY", value_parser = way)]
    pub choose: Option<Choose>,
}

fn way(text: &str) -> Result<Choose, String> {
    [Choose::Confidence, Choose::Residual, Choose::MajorityVote]
        .into_iter()
        .find(|way| way.name() == text)
        .ok_or("choose by confidence, residual or vote".to_owned())
}

impl TestTimeArgs {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        self.rollouts.is_none() && self.views.is_none() && self.choose.is_none()
    }

    /// The protocol with these options.
    pub fn on(&self, protocol: Protocol) -> Result<Protocol, Failure> {
        for (name, number) in [("rollouts", self.rollouts), ("views", self.views)] {
            if number == Some(0) {
                return Err(Failure::Usage(format!("--{name} takes 1 or more")));
            }
        }
        Ok(Protocol {
            rollouts: self.rollouts.unwrap_or(protocol.rollouts),
            views: self.views.unwrap_or(protocol.views),
            choose: self.choose.unwrap_or(protocol.choose),
            ..protocol
        })
    }
}
