//! What an NVIDIA driver and libtorch's part for GPUs say of themselves. Both are opened while running, so that the program starts
//! without either; [`device`](super::device) decides what follows from it.
//!
//! The order matters. The driver comes first, under its own name, since libtorch's libraries look for it by that. libtorch notices its
//! part for GPUs once, when it is first asked for a GPU or for a seed: whoever asks before [`Libtorch::open`] blinds it for good.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tch::{Cuda, utils};

const DRIVER: &CStr = c"libcuda.so.1";
const LIBTORCH_CUDA: &str = "libtorch_cuda.so";
/// A C function of libtorch_cpu, which says where that was loaded from.
const OF_LIBTORCH_CPU: &CStr = c"aoti_torch_device_type_cpu";

/// Where a driver lies that the loader does not find by name: on GKE's nodes, on Debian with NVIDIA's toolkit, on Red Hat, on WSL.
const FOLDERS: [&str; 4] = [
    "/usr/local/nvidia/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib/wsl/lib",
];

const NOW: c_int = 2;
const GLOBAL: c_int = 0x100;

/// `RTLD_DEFAULT`.
const EVERYWHERE: *mut c_void = if cfg!(target_os = "macos") {
    std::ptr::without_provenance_mut(usize::MAX - 1)
} else {
    std::ptr::null_mut()
};

unsafe extern "C" {
    fn dlopen(file: *const c_char, mode: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
    fn dladdr(place: *const c_void, found: *mut Place) -> c_int;
}

/// `Dl_info`.
#[repr(C)]
struct Place {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

/// A GPU, as its driver knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    /// What NVIDIA calls it.
    pub(super) name: String,
    /// Compute capability, as major and minor.
    pub(super) capability: (c_int, c_int),
}

/// What there is of an NVIDIA driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// Nothing.
    Absent,
    /// A file that can't be used, and what the loader says of it.
    Closed(String),
    /// One that answers.
    Open {
        /// What `cuInit` gives; 0: it works.
        init: c_int,
        /// Newest CUDA that it speaks: 13000 is 13.0.
        version: c_int,
        /// The GPUs, or which question about them failed; none where `cuInit` did.
        cards: Result<Vec<Card>, String>,
    },
}

/// What there is of libtorch's part for GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Libtorch {
    /// It can't be opened, and what the loader says.
    Closed(String),
    /// It was opened.
    Open {
        /// Whether libtorch has noticed.
        noticed: bool,
        /// GPUs that it sees.
        n_cards: usize,
    },
}

impl Driver {
    /// Opens the driver and asks it.
    pub(super) fn ask() -> Self {
        let mut faults = Vec::new();
        let files = FOLDERS.map(|folder| Path::new(folder).join("libcuda.so.1"));
        let there = files.iter().filter(|file| file.exists());
        for name in [DRIVER.to_owned()]
            .into_iter()
            .chain(there.map(|file| c_path(file)))
        {
            match open(&name) {
                Ok(library) => return Self::answers(library).unwrap_or_else(Self::Closed),
                Err(fault) => faults.push(fault),
            }
        }
        // Of a file that is there more is said than that one is missing.
        let fault = faults.into_iter().find(|fault| !is_absence(fault));
        fault.map_or(Self::Absent, Self::Closed)
    }

    fn answers(library: Library) -> Result<Self, String> {
        let (mut version, init) = (0, library.function(c"cuInit")?);
        let get_version = library.function(c"cuDriverGetVersion")?;
        // SAFETY: cuda.h declares `CUresult cuInit(unsigned)` and `CUresult cuDriverGetVersion(int*)`.
        let init = unsafe {
            let init: unsafe extern "C" fn(c_uint) -> c_int = std::mem::transmute(init);
            let get_version: unsafe extern "C" fn(*mut c_int) -> c_int = std::mem::transmute(get_version);
            let init = init(0);
            get_version(&mut version);
            init
        };
        let cards = match init {
            0 => library.cards(),
            _ => Ok(Vec::new()),
        };
        Ok(Self::Open { init, version, cards })
    }
}

impl Libtorch {
    /// Opens libtorch's part for GPUs, from the folder of the rest: another's would not fit. Then libtorch may be asked.
    pub(super) fn open() -> Self {
        let file = folder_of_libtorch().map_or(LIBTORCH_CUDA.into(), |folder| folder.join(LIBTORCH_CUDA));
        match open(&c_path(&file)) {
            Err(fault) => Self::Closed(fault),
            Ok(_) => Self::Open {
                noticed: utils::has_cudart(),
                n_cards: usize::try_from(Cuda::device_count()).unwrap_or(0),
            },
        }
    }
}

/// A library that stays open.
#[derive(Clone, Copy)]
struct Library(*mut c_void);

impl Library {
    fn function(self, name: &CStr) -> Result<*mut c_void, String> {
        // SAFETY: the handle is an open library's, and the name a C string.
        let found = unsafe { dlsym(self.0, name.as_ptr()) };
        if found.is_null() {
            return Err(format!("libcuda.so.1 has no {}", name.to_string_lossy()));
        }
        Ok(found)
    }

    fn cards(self) -> Result<Vec<Card>, String> {
        let count = self.function(c"cuDeviceGetCount")?;
        let mut n = 0;
        // SAFETY: cuda.h declares `CUresult cuDeviceGetCount(int*)`.
        let code = unsafe {
            let count: unsafe extern "C" fn(*mut c_int) -> c_int = std::mem::transmute(count);
            count(&mut n)
        };
        succeeded("cuDeviceGetCount", code)?;
        (0..n).map(|place| self.card(place)).collect()
    }

    fn card(self, place: c_int) -> Result<Card, String> {
        const MAJOR: c_int = 75;
        const MINOR: c_int = 76;
        let get = self.function(c"cuDeviceGet")?;
        let attribute = self.function(c"cuDeviceGetAttribute")?;
        let get_name = self.function(c"cuDeviceGetName")?;
        let (mut card, mut major, mut minor) = (0, 0, 0);
        let mut name: [c_char; 256] = [0; 256];
        // SAFETY: cuda.h declares `CUresult cuDeviceGet(CUdevice*, int)`, `CUresult cuDeviceGetAttribute(int*, CUdevice_attribute,
        // CUdevice)` and `CUresult cuDeviceGetName(char*, int, CUdevice)`, where a CUdevice is an int and the enumeration has an int's
        // size. The last of the name's bytes is never written.
        unsafe {
            let get: unsafe extern "C" fn(*mut c_int, c_int) -> c_int = std::mem::transmute(get);
            let attribute: unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int =
                std::mem::transmute(attribute);
            let get_name: unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int =
                std::mem::transmute(get_name);
            succeeded("cuDeviceGet", get(&mut card, place))?;
            succeeded("cuDeviceGetAttribute", attribute(&mut major, MAJOR, card))?;
            succeeded("cuDeviceGetAttribute", attribute(&mut minor, MINOR, card))?;
            succeeded("cuDeviceGetName", get_name(name.as_mut_ptr(), 255, card))?;
        }
        let name = name.map(|c| c as u8);
        let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
        Ok(Card {
            name: name.to_string_lossy().into_owned(),
            capability: (major, minor),
        })
    }
}

fn succeeded(call: &str, code: c_int) -> Result<(), String> {
    match code {
        0 => Ok(()),
        _ => Err(format!("{call} gives {code}")),
    }
}

/// Opens a library for good, with its names for those that come later.
fn open(file: &CStr) -> Result<Library, String> {
    // SAFETY: the name is a C string; the loader's own message is a C string until it is next asked for something.
    unsafe {
        let library = dlopen(file.as_ptr(), NOW | GLOBAL);
        if !library.is_null() {
            return Ok(Library(library));
        }
        let said = dlerror();
        Err(match said.is_null() {
            true => format!("{} can't be opened", file.to_string_lossy()),
            false => CStr::from_ptr(said).to_string_lossy().into_owned(),
        })
    }
}

/// Whether the loader says of the driver that there is no such file, rather than that it can't be used.
fn is_absence(fault: &str) -> bool {
    let on_linux = fault.starts_with("libcuda.so.1:") && fault.ends_with("No such file or directory");
    on_linux || fault.contains("no such file")
}

/// Folder of the libtorch that this program runs with.
fn folder_of_libtorch() -> Option<PathBuf> {
    let mut found = Place {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    // SAFETY: the symbol is looked up in what is loaded, and `found` has the layout of `Dl_info`, whose file name is a C string.
    let file = unsafe {
        let symbol = dlsym(EVERYWHERE, OF_LIBTORCH_CPU.as_ptr());
        if symbol.is_null() || dladdr(symbol, &mut found) == 0 || found.file.is_null() {
            return None;
        }
        CStr::from_ptr(found.file)
    };
    let file = Path::new(std::ffi::OsStr::from_bytes(file.to_bytes()));
    file.parent().map(Path::to_owned)
}

/// A path for the loader; one with a zero byte, which no file has, is no path.
fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}
