//! Why a trial ended without a result: one sentence and one exit code each.

use std::fmt;
use std::path::Path;
use tch::TchError;

/// What every fallible function of the trainer returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// The reasons; each carries the sentence that the person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A flag, an environment variable or a parameter is wrong.
    Configuration(String),
    /// The checkpoint folder cannot be used.
    Model(String),
    /// The data cannot be used.
    Data(String),
    /// The vocabulary does not fit the checkpoint or cannot be read.
    Vocabulary(String),
    /// Nothing can be written where the results belong.
    Output(String),
    /// The metrics port is taken.
    Port(String),
    /// The device is not there.
    Device(String),
    /// The loss or the gradient is not a number.
    Diverged(String),
    /// No memory left.
    OutOfMemory(String),
    /// Told to stop.
    Stopped(String),
    /// A fault of the trainer itself.
    Internal(String),
}

impl Failure {
    /// The exit code of a lack of memory.
    pub(super) const NO_MEMORY: u8 = 4;

    /// What helps against it.
    pub(super) const MORE_MEMORY: &str = "no memory left; use a smaller batch_size with more gradient_accumulation_steps, a smaller max_length, or a machine with more";

    /// The exit code of the program, as the table in the module's head lists them.
    pub fn code(&self) -> u8 {
        match self {
            Self::Diverged(_) => 3,
            Self::OutOfMemory(_) => Self::NO_MEMORY,
            Self::Configuration(_) => 42,
            Self::Model(_) => 43,
            Self::Data(_) => 44,
            Self::Vocabulary(_) => 45,
            Self::Output(_) => 46,
            Self::Port(_) => 47,
            Self::Device(_) => 48,
            Self::Internal(_) => 70,
            Self::Stopped(_) => 143,
        }
    }

    /// A write that failed at `path`: no space is said as such, since the cure differs.
    pub(super) fn write(path: &Path, fault: &std::io::Error) -> Self {
        let cure = match fault.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "there is no space left; free some or choose a larger disk"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "it may not be written; choose a folder that this user may write"
            }
            _ => "choose another folder",
        };
        Self::Output(format!("{}: {cure} ({fault})", path.display()))
    }

    /// What a panic said, as a failure: libtorch's lack of memory arrives this way.
    pub(super) fn from_panic(said: &str) -> Self {
        if is_out_of_memory(said) {
            return Self::out_of_memory(said);
        }
        Self::Internal(format!(
            "a fault of the trainer itself, please report it: {}",
            first_line(said)
        ))
    }

    fn out_of_memory(said: &str) -> Self {
        Self::OutOfMemory(format!("{} ({})", Self::MORE_MEMORY, first_line(said)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Configuration(said)
        | Self::Model(said)
        | Self::Data(said)
        | Self::Vocabulary(said)
        | Self::Output(said)
        | Self::Port(said)
        | Self::Device(said)
        | Self::Diverged(said)
        | Self::OutOfMemory(said)
        | Self::Stopped(said)
        | Self::Internal(said)) = self;
        f.write_str(said)
    }
}

impl std::error::Error for Failure {}

impl From<TchError> for Failure {
    fn from(fault: TchError) -> Self {
        Self::from_panic(&fault.to_string())
    }
}

/// Whether one of the allocators below says that it has nothing left: C++'s, libtorch's on the host and on the device, those of the
/// device's libraries, the system's.
pub(super) fn is_out_of_memory(said: &str) -> bool {
    const SIGNS: [&str; 10] = [
        "out of memory",
        "not enough memory",
        "can't allocate memory",
        "cannot allocate memory",
        "bad_alloc",
        "status_alloc_failed",
        "allocation_failed",
        "cublas_status_not_initialized",
        "memoryallocation",
        "unable to allocate",
    ];
    let said = said.to_ascii_lowercase();
    SIGNS.iter().any(|sign| said.contains(sign))
}

/// libtorch's messages go on with the addresses of its stack, after a line end that a panic may have written as `\n`.
pub(super) fn first_line(said: &str) -> &str {
    let line = said
        .split('\n')
        .flat_map(|line| line.split("\\n"))
        .find(|line| !line.trim().is_empty());
    line.unwrap_or("no reason given").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_a_fault() {
        let allocator = "called `Result::unwrap()` on an `Err` value: Torch(\"[enforce fail] DefaultCPUAllocator: \
                         can't allocate memory: you tried to allocate 9 bytes.\")";
        assert_eq!(Failure::from_panic(allocator).code(), 4);
        assert_eq!(
            Failure::from_panic("CUDA out of memory. Tried to allocate 2 GiB").code(),
            4
        );
        for said in [
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
            "CUDA error: out of memory",
            "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
            "std::bad_alloc",
            "Cannot allocate memory (os error 12)",
        ] {
            assert_eq!(Failure::from_panic(said).code(), 4, "{said}");
        }
        let other = "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx`";
        assert_eq!(Failure::from_panic(other).code(), 70);
        let fault = Failure::from_panic("Err value: Torch(\"Expected threads\\nframe #0: 0x9d\\nframe #1\")");
        assert_eq!(fault.code(), 70);
        assert!(fault.to_string().ends_with("Expected threads"), "{fault}");
    }

    #[test]
    fn a_full_disk_is_said_as_such() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let failure = Failure::write(Path::new("out/report.json"), &full);
        assert_eq!(failure.code(), 46);
        assert!(failure.to_string().contains("no space left"), "{failure}");
    }
}
