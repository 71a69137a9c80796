//! Pointers to the functions of a driver, with their arguments and results as bits, for records.

/// A function pointer into the driver with up to ten arguments.
pub trait DriverFunction<Arguments>: Copy {
    /// What the function returns.
    type Output;
    /// Where it starts.
    fn address(self) -> usize;
    /// A function of this kind at an address.
    ///
    /// # Safety
    /// What lies there takes such arguments.
    unsafe fn at(address: usize) -> Self;
    /// Calls it.
    ///
    /// # Safety
    /// The pointer must be code with this signature.
    unsafe fn invoke(self, arguments: Arguments) -> Self::Output;
    /// The first four arguments as bits, for records.
    fn bits(arguments: &Arguments) -> [u64; 4];
}

/// The first eight bytes of a value, zero-extended.
pub(super) fn bits_of<T>(value: &T) -> u64 {
    let mut bits = 0_u64;
    let length = size_of::<T>().min(size_of::<u64>());
    // SAFETY: at most eight bytes are copied out of a live value into eight bytes of this frame. Arguments and results
    // of driver calls are integers and pointers without padding.
    unsafe {
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(value).cast::<u8>(),
            (&raw mut bits).cast(),
            length,
        )
    };
    bits
}

// On x86-64 "efiapi" is "win64" under a name that other processors share; interfaces of waverig-portcls use it.
macro_rules! driver_function {
    ($($argument:ident $place:tt),*) => {
        driver_function!("win64" $($argument $place),*);
        driver_function!("efiapi" $($argument $place),*);
    };
    ($abi:literal $($argument:ident $place:tt),*) => {
        impl<Output, $($argument: Copy),*> DriverFunction<($($argument,)*)> for unsafe extern $abi fn($($argument),*) -> Output {
            type Output = Output;
            fn address(self) -> usize {
                self as usize
            }
            unsafe fn at(address: usize) -> Self {
                // SAFETY: the caller vouches for the signature; a function's pointer is its address.
                unsafe { std::mem::transmute::<usize, Self>(address) }
            }
            #[allow(unused_variables, reason = "the row without arguments")]
            unsafe fn invoke(self, arguments: ($($argument,)*)) -> Output {
                // SAFETY: the caller vouches for the signature.
                unsafe { self($(arguments.$place),*) }
            }
            #[allow(unused_variables, unused_mut, unused_assignments, reason = "rows with few or many arguments")]
            fn bits(arguments: &($($argument,)*)) -> [u64; 4] {
                let mut bits = [0; 4];
                $(if $place < 4 { bits[$place & 3] = bits_of(&arguments.$place); })*
                bits
            }
        }
    };
}
driver_function!();
driver_function!(A 0);
driver_function!(A 0, B 1);
driver_function!(A 0, B 1, C 2);
driver_function!(A 0, B 1, C 2, D 3);
driver_function!(A 0, B 1, C 2, D 3, E 4);
driver_function!(A 0, B 1, C 2, D 3, E 4, F 5);
driver_function!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
driver_function!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
driver_function!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
driver_function!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
