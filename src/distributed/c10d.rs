//! libtorch's c10d behind a small C++ shim (`cpp/c10d.cpp`): a store of keys and a Gloo group. The only place of the room that is
//! unsafe.
#![expect(unsafe_code, reason = "calls of the shim; each says why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use tch::Tensor;

#[repr(C)]
struct RawStore {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawGroup {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn totc_c10d_free(memory: *mut c_void);
    fn totc_store_open(
        host: *const c_char,
        port: u16,
        serves: bool,
        timeout: i64,
        prefix: *const c_char,
        out: *mut *mut RawStore,
    ) -> *mut c_char;
    fn totc_store_close(store: *mut RawStore);
    fn totc_store_set(
        store: *mut RawStore,
        key: *const c_char,
        bytes: *const c_char,
        length: usize,
    ) -> *mut c_char;
    fn totc_store_get(
        store: *mut RawStore,
        key: *const c_char,
        value: *mut *mut c_char,
        length: *mut usize,
    ) -> *mut c_char;
    fn totc_store_add(store: *mut RawStore, key: *const c_char, amount: i64, sum: *mut i64) -> *mut c_char;
    fn totc_group_open(
        store: *mut RawStore,
        rank: c_int,
        size: c_int,
        address: *const c_char,
        interface: *const c_char,
        timeout: i64,
        out: *mut *mut RawGroup,
    ) -> *mut c_char;
    fn totc_group_close(group: *mut RawGroup);
    fn totc_group_all_to_all(group: *mut RawGroup, out: *mut c_void, input: *mut c_void) -> *mut c_char;
    fn totc_group_all_gather(group: *mut RawGroup, out: *mut c_void, input: *mut c_void) -> *mut c_char;
}

/// Keys and values that all processes see.
pub(super) struct Store(NonNull<RawStore>);

/// Processes that exchange tensors.
pub(super) struct Group(NonNull<RawGroup>);

// SAFETY: a c10d store guards itself, and its pointer is not used after `drop`.
unsafe impl Send for Store {}
// SAFETY: as above; every call of the store takes its lock.
unsafe impl Sync for Store {}
// SAFETY: a Gloo group queues its work under a lock, and its pointer is not used after `drop`.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

impl Store {
    /// A client of the store at `host:port`, served by this process if `serves`. Keys begin with `prefix`.
    pub fn open(
        host: &str,
        port: u16,
        serves: bool,
        timeout: Duration,
        prefix: &str,
    ) -> Result<Store, String> {
        let (host, prefix) = (text(host), text(prefix));
        let mut out = null_mut();
        // SAFETY: the strings end with a zero and live until the call returns; `out` is a place for a pointer.
        let failed = unsafe {
            totc_store_open(host.as_ptr(), port, serves, milliseconds(timeout), prefix.as_ptr(), &raw mut out)
        };
        told(failed)?;
        NonNull::new(out).map(Store).ok_or_else(|| "no store was made".to_owned())
    }

    /// Sets a key.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let key = text(key);
        // SAFETY: the store is open; key and value live until the call returns.
        told(unsafe { totc_store_set(self.0.as_ptr(), key.as_ptr(), value.as_ptr().cast(), value.len()) })
    }

    /// The value of a key, if it is set.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let key = text(key);
        let (mut value, mut length) = (null_mut::<c_char>(), 0);
        // SAFETY: the store is open; `value` and `length` are places for what is found.
        told(unsafe { totc_store_get(self.0.as_ptr(), key.as_ptr(), &raw mut value, &raw mut length) })?;
        if value.is_null() {
            return Ok(None);
        }
        // SAFETY: the shim has written `length` bytes there, which are ours to free, once.
        unsafe {
            let found = std::slice::from_raw_parts(value.cast::<u8>(), length).to_vec();
            totc_c10d_free(value.cast());
            Ok(Some(found))
        }
    }

    /// Adds to a counter, which begins at 0, and gives its value.
    pub fn add(&self, key: &str, amount: i64) -> Result<i64, String> {
        let key = text(key);
        let mut sum = 0;
        // SAFETY: the store is open; `sum` is a place for the value.
        told(unsafe { totc_store_add(self.0.as_ptr(), key.as_ptr(), amount, &raw mut sum) })?;
        Ok(sum)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: made by `open`, closed once.
        unsafe { totc_store_close(self.0.as_ptr()) }
    }
}

impl Group {
    /// A Gloo group of `size` processes that meet in the store. `address`: of this machine as the others reach it, else
    /// `interface`, a network interface, else what the machine's name stands for.
    pub fn open(
        store: &Store,
        rank: usize,
        size: usize,
        address: Option<&str>,
        interface: Option<&str>,
        timeout: Duration,
    ) -> Result<Group, String> {
        let (address, interface) = (text(address.unwrap_or_default()), text(interface.unwrap_or_default()));
        let mut out = null_mut();
        // SAFETY: the store is open and the group keeps its own reference; the strings live until the call returns.
        let failed = unsafe {
            totc_group_open(
                store.0.as_ptr(),
                rank as c_int,
                size as c_int,
                address.as_ptr(),
                interface.as_ptr(),
                milliseconds(timeout),
                &raw mut out,
            )
        };
        told(failed)?;
        NonNull::new(out).map(Group).ok_or_else(|| "no group was made".to_owned())
    }

    /// Part `r` of `input` goes to process `r`; what all send to this one comes in their order into `out`. Both contiguous, on
    /// the CPU, of one size.
    pub fn all_to_all(&self, out: &mut Tensor, input: &Tensor) -> Result<(), String> {
        // SAFETY: a tch tensor is a pointer to an `at::Tensor`; both live until the call returns, which waits.
        told(unsafe {
            totc_group_all_to_all(self.0.as_ptr(), out.as_mut_ptr().cast(), input.as_ptr().cast_mut().cast())
        })
    }

    /// `input` of all processes, in their order, into `out`. Both contiguous, on the CPU.
    pub fn all_gather(&self, out: &mut Tensor, input: &Tensor) -> Result<(), String> {
        // SAFETY: as in `all_to_all`.
        told(unsafe {
            totc_group_all_gather(self.0.as_ptr(), out.as_mut_ptr().cast(), input.as_ptr().cast_mut().cast())
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: made by `open`, closed once.
        unsafe { totc_group_close(self.0.as_ptr()) }
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// As C reads it; ends at a zero byte.
fn text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// The message of a failed call.
fn told(message: *mut c_char) -> Result<(), String> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: the shim gives a string that ends with a zero, ours to free, once.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        totc_c10d_free(message.cast());
        text
    };
    Err(text.lines().next().unwrap_or_default().to_owned())
}
