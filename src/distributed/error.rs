//! What can go wrong between processes, in a sentence that names the process.

/// Why several processes cannot train together, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistributedError {
    /// The environment says who this process is, but not all of it.
    #[error("{what}; {fix}")]
    Environment {
        /// What is wrong.
        what: String,
        /// What to do.
        fix: String,
    },
    /// The processes do not find each other.
    #[error(
        "process {rank} of {size} does not reach the others at {host}:{port} ({cause}); start all of them, and let the address be \
         one that every machine reaches"
    )]
    Unreachable {
        /// This process.
        rank: usize,
        /// How many there are.
        size: usize,
        /// Where they meet.
        host: String,
        /// Where they meet.
        port: u16,
        /// What c10d said.
        cause: String,
    },
    /// A process has died, hangs, or its machine cannot be reached any more.
    #[error(
        "process {rank} is lost: it has not been heard of for {seconds} s; what was saved stands, go on with --resume"
    )]
    Lost {
        /// Which.
        rank: usize,
        /// How long it has been silent.
        seconds: u64,
    },
    /// A process has ended and said why.
    #[error("process {rank} has ended: {why}")]
    Ended {
        /// Which.
        rank: usize,
        /// In its words.
        why: String,
    },
    /// A process computes something else.
    #[error(
        "process {rank} differs from process 0 in {what}; start all of them with the same files, settings and build"
    )]
    Differs {
        /// Which.
        rank: usize,
        /// In what, with both sides.
        what: String,
    },
    /// c10d has failed and no process is known to be lost.
    #[error("the processes can no longer exchange tensors: {0}; what was saved stands, go on with --resume")]
    Exchange(String),
}
