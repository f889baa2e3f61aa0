//! Which instructions kernels are made of: detects what the processor has, gives the best, accepts any by name.
//! Never runs an instruction that the processor lacks: a form that is not there falls to the next one that is.

use std::sync::OnceLock;

/// A family of instructions that every kernel is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Plain Rust: any processor.
    Portable,
    /// AVX2 and FMA, 8 floats at once.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL), 16 floats at once.
    Avx512,
    /// Matrix tiles in bfloat16 (AMX); everything but products as in [`Form::Avx512`].
    AmxBf16,
}

impl Form {
    /// All forms, the best first.
    pub const ALL: [Form; 4] = [Form::AmxBf16, Form::Avx512, Form::Avx2, Form::Portable];

    /// What this processor can run, the best first; [`Form::Portable`] always ends it.
    pub fn available() -> Vec<Form> {
        Form::ALL.into_iter().filter(|form| form.usable() == *form).collect()
    }

    /// The best that this processor can run.
    pub fn best() -> Form {
        Form::AmxBf16.usable()
    }

    /// Its name in options: `amx`, `avx512`, `avx2`, `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Form::AmxBf16 => "amx",
            Form::Avx512 => "avx512",
            Form::Avx2 => "avx2",
            Form::Portable => "portable",
        }
    }

    /// The form of that name.
    pub fn named(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }

    /// This form, or the best below it that the processor can run. Every kernel asks this first.
    pub fn usable(self) -> Form {
        self.min(found())
    }
}

/// Whether the processor is one of Intel's: there MKL's products of float32 are faster than ours; on an AMD EPYC with AVX-512 steps with
/// them take 1.2 to 2.1 times as long.
pub fn by_intel() -> bool {
    static INTEL: OnceLock<bool> = OnceLock::new();
    *INTEL.get_or_init(vendor_is_intel)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn vendor_is_intel() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
}

#[cfg(any(not(target_arch = "x86_64"), miri))]
fn vendor_is_intel() -> bool {
    false
}

fn found() -> Form {
    static FOUND: OnceLock<Form> = OnceLock::new();
    *FOUND.get_or_init(detect)
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Form {
    Form::Portable
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Form {
    use std::arch::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma");
    let avx512 = avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
    match (avx2, avx512) {
        (false, _) => Form::Portable,
        (true, false) => Form::Avx2,
        (true, true) if has!("avx512bf16") && tiles() => Form::AmxBf16,
        (true, true) => Form::Avx512,
    }
}

/// Whether the processor has bfloat16 tiles and the system lends them to this process.
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn tiles() -> bool {
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;
    let leaf = std::arch::x86_64::__cpuid_count(7, 0);
    if leaf.edx & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE {
        return false;
    }
    // SAFETY: the call reads two integers and changes no memory of ours; an old kernel answers with an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(all(target_arch = "x86_64", not(all(target_os = "linux", not(miri)))))]
fn tiles() -> bool {
    false
}
