//! NVRTC, NVIDIA's compiler of CUDA C++ as a library: found when the program runs, so that nothing is linked to it. Takes the
//! text of a module and gives machine code for one architecture; needs no GPU.

use libloading::{Library, Symbol};
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;

/// Where the library is called what; the first that is there is taken. Machine code does not depend on the driver's age, so
/// any release that knows the GPU will do.
const NAMES: [&str; 3] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

/// The compiler.
#[derive(Debug)]
pub struct Nvrtc {
    loaded: Library,
    /// What it opens by name while it compiles, loaded before where it lies beside it.
    _beside: Vec<Library>,
}

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub enum NvrtcError {
    /// The library is not there.
    #[error("NVRTC cannot be loaded: {0}")]
    Absent(String),
    /// It refused a module; what it said.
    #[error("NVRTC refuses the generated kernels: {0}")]
    Refused(String),
}

/// The libraries of built-in functions in a library's folder. One that is loaded is found by its name alone.
#[expect(unsafe_code, reason = "a library is loaded")]
fn beside(path: &Path) -> Vec<Library> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let built_in =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("libnvrtc-builtins.so"));
    // SAFETY: it holds data that NVRTC reads.
    built_in.filter_map(|entry| unsafe { Library::new(entry.path()) }.ok()).collect()
}

type Program = *mut c_void;
type Status = c_int;

impl Nvrtc {
    /// The library of the system, or of libtorch's folder, which the program's run path leads to.
    ///
    /// # Errors
    /// It is not there.
    pub fn load() -> Result<Nvrtc, NvrtcError> {
        let mut said = NvrtcError::Absent("no name was tried".to_owned());
        for name in NAMES {
            match Nvrtc::at(Path::new(name)) {
                Ok(nvrtc) => return Ok(nvrtc),
                Err(error) => said = error,
            }
        }
        Err(said)
    }

    /// The library in a file.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn at(path: &Path) -> Result<Nvrtc, NvrtcError> {
        // SAFETY: NVRTC's initialisers do nothing but set up itself.
        #[expect(unsafe_code, reason = "a library is loaded")]
        let loaded = unsafe { Library::new(path) };
        let loaded = loaded.map_err(|error| NvrtcError::Absent(error.to_string()))?;
        Ok(Nvrtc { loaded, _beside: beside(path) })
    }

    /// The machine code (cubin) of a module for `sm_<architecture>`, as 80, 90 or 100.
    ///
    /// # Errors
    /// The module is refused, which is totc's fault, or the architecture is none that this release knows.
    pub fn compile(&self, module: &str, architecture: u32) -> Result<Vec<u8>, NvrtcError> {
        let text = CString::new(module).map_err(|_| NvrtcError::Refused("a NUL in the text".to_owned()))?;
        let options = [format!("--gpu-architecture=sm_{architecture}"), "--std=c++17".to_owned()];
        let options: Vec<CString> =
            options.into_iter().filter_map(|option| CString::new(option).ok()).collect();
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: signatures and protocol are those of nvrtc.h; texts end with NUL and outlive the calls, the program is made
        // before it is used and destroyed once, and buffers are as large as the library has said.
        #[expect(unsafe_code, reason = "functions of a library written in C")]
        unsafe {
            let create: Symbol<
                unsafe extern "C" fn(
                    *mut Program,
                    *const c_char,
                    *const c_char,
                    c_int,
                    *const *const c_char,
                    *const *const c_char,
                ) -> Status,
            > = self.symbol(b"nvrtcCreateProgram\0")?;
            let run: Symbol<unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status> =
                self.symbol(b"nvrtcCompileProgram\0")?;
            let destroy: Symbol<unsafe extern "C" fn(*mut Program) -> Status> =
                self.symbol(b"nvrtcDestroyProgram\0")?;
            let mut program: Program = std::ptr::null_mut();
            let none = std::ptr::null();
            if create(&mut program, text.as_ptr(), c"fused.cu".as_ptr(), 0, none, none) != 0 {
                return Err(NvrtcError::Refused("no program could be made".to_owned()));
            }
            let status = run(program, options.len() as c_int, options.as_ptr());
            let result = if status == 0 {
                self.bytes(program, b"nvrtcGetCUBINSize\0", b"nvrtcGetCUBIN\0")
            } else {
                let said = self.bytes(program, b"nvrtcGetProgramLogSize\0", b"nvrtcGetProgramLog\0");
                let said = said.map(|said| String::from_utf8_lossy(&said).trim_end_matches('\0').to_owned());
                let said = said.ok().filter(|said| !said.is_empty());
                Err(NvrtcError::Refused(said.unwrap_or_else(|| format!("status {status}"))))
            };
            destroy(&mut program);
            result
        }
    }

    /// # Safety
    /// The type is that of the symbol.
    #[expect(unsafe_code, reason = "functions of a library written in C")]
    unsafe fn symbol<T>(&self, name: &[u8]) -> Result<Symbol<'_, T>, NvrtcError> {
        // SAFETY: the caller's promise.
        unsafe { self.loaded.get(name) }.map_err(|error| NvrtcError::Absent(error.to_string()))
    }

    /// What a pair of functions gives, one of which says its size.
    ///
    /// # Safety
    /// A program that has been compiled.
    #[expect(unsafe_code, reason = "functions of a library written in C")]
    unsafe fn bytes(&self, program: Program, size: &[u8], get: &[u8]) -> Result<Vec<u8>, NvrtcError> {
        // SAFETY: the signatures are those of nvrtc.h, the buffer is as large as the first function says.
        unsafe {
            let size: Symbol<unsafe extern "C" fn(Program, *mut usize) -> Status> = self.symbol(size)?;
            let get: Symbol<unsafe extern "C" fn(Program, *mut c_char) -> Status> = self.symbol(get)?;
            let mut count = 0;
            let mut status = size(program, &mut count);
            let mut bytes = vec![0u8; count];
            if status == 0 {
                status = get(program, bytes.as_mut_ptr().cast());
            }
            if status == 0 { Ok(bytes) } else { Err(NvrtcError::Refused(format!("status {status}"))) }
        }
    }
}
