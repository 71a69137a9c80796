//! `__C_specific_handler`: the handler of every function with `__try`, which reads the table of its scopes.

use super::record::{
    ANY_UNWIND, CONTINUE_EXECUTION, CONTINUE_SEARCH, Dispatcher, Pointers, Record, TARGET_UNWIND,
};
use super::unwind;
use crate::call;

/// A filter of 1 stands for `EXCEPTION_EXECUTE_HANDLER` written as a constant.
const ALWAYS: u32 = 1;

/// One entry of SCOPE_TABLE, by relative addresses: the code of a `__try`, its filter or its `__finally`, and where its `__except` begins
/// (0 with a `__finally`).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Scope {
    begin: u32,
    end: u32,
    handler: u32,
    target: u32,
}

impl Scope {
    fn contains(&self, offset: usize) -> bool {
        (self.begin as usize..self.end as usize).contains(&offset)
    }
}

/// The scopes of a function from number `first` on, innermost first, with their numbers. Nothing is allocated: what runs for an exception
/// may never return.
fn scopes(data: *const u8, first: u32) -> impl Iterator<Item = (u32, Scope)> {
    let word = move |index: u32| {
        // SAFETY: the table lies in the image behind the unwind data that led here; a bad one faults into a report.
        unsafe { data.cast::<u32>().add(index as usize).read_unaligned() }
    };
    (first..word(0)).map(move |index| {
        let at = 1 + 4 * index;
        let scope = Scope {
            begin: word(at),
            end: word(at + 1),
            handler: word(at + 2),
            target: word(at + 3),
        };
        (index, scope)
    })
}

/// Any IRQL.
pub(crate) extern "win64" fn c_specific_handler(
    record: *mut Record,
    establisher: usize,
    context: *mut super::Context,
    dispatcher: *mut Dispatcher,
) -> i32 {
    // SAFETY: both come from the dispatcher, through the driver's own code.
    let (flags, control) = unsafe { ((*record).flags, &mut *dispatcher) };
    let offset = control.control_pc - control.image_base;
    let here = |first| scopes(control.data, first).filter(move |(_, scope)| scope.contains(offset));
    if flags & ANY_UNWIND != 0 {
        let target = control.target_ip.wrapping_sub(control.image_base);
        let at_target = flags & TARGET_UNWIND != 0;
        for (index, scope) in here(control.scope) {
            // A scope that the place gone on with lies in as well is not left.
            let stays = |one: &Scope| {
                one.contains(target) && one.handler == scope.handler && one.target == scope.target
            };
            if at_target
                && (scopes(control.data, 0).any(|(_, one)| stays(&one))
                    || scope.target as usize == target)
            {
                break;
            }
            if scope.target == 0 {
                // Should it raise an exception itself, it is not called again.
                control.scope = index + 1;
                let finally = control.image_base + scope.handler as usize;
                // SAFETY: the table names the code of a `__finally`, which takes whether the block is left before its end, and its frame.
                unsafe {
                    let finally: unsafe extern "win64" fn(u8, usize) =
                        std::mem::transmute::<usize, _>(finally);
                    call::driver_unbalanced("__finally", finally, (1, establisher));
                }
            }
        }
        return CONTINUE_SEARCH;
    }
    let mut pointers = Pointers { record, context };
    for (_, scope) in here(control.scope).filter(|(_, scope)| scope.target != 0) {
        let answer = match scope.handler {
            ALWAYS => 1,
            filter => {
                let filter = control.image_base + filter as usize;
                // SAFETY: the table names the code of a filter expression, which takes the exception and its frame.
                unsafe {
                    let filter: unsafe extern "win64" fn(*mut Pointers, usize) -> i32 =
                        std::mem::transmute::<usize, _>(filter);
                    call::driver("exception filter", filter, (&raw mut pointers, establisher))
                }
            }
        };
        if answer < 0 {
            return CONTINUE_EXECUTION;
        }
        if answer > 0 {
            // SAFETY: the record is the dispatcher's.
            let code = unsafe { (*record).code };
            let target = control.image_base + scope.target as usize;
            unwind(establisher, target, u64::from(code.0.cast_unsigned()));
        }
    }
    CONTINUE_SEARCH
}
