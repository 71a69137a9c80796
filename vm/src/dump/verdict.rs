//! Where the fault was, where in the driver, and who called it: from the bug check's parameters, the processor's context, and the stack.

use std::fmt;

use serde::{Serialize, Serializer};
use waverig_protocol::diagnostic::Place;

use super::bug_check::{BugCheck, Where};
use super::file::Source;
use super::header::{CONTEXT_SIZE, Context, Kind};
use super::memory::Memory;
use super::modules::{self, Module};
use super::own::Own;
use super::stack::{self, Hit};

/// What a dump says. [`fmt::Display`] is one line, JSON has all of it.
#[derive(Debug, Clone, Serialize)]
pub struct Triage {
    /// The bug check.
    pub bug_check: BugCheck,
    /// Its name, if it is one that drivers meet.
    pub name: Option<String>,
    /// `complete`, `kernel` (pages by a bitmap) or `small`.
    pub kind: &'static str,
    /// Where the fault was.
    pub fault: Option<Frame>,
    /// The driver that was looked for.
    pub sought: Option<Sought>,
    /// The innermost place in that driver.
    pub driver: Option<Frame>,
    /// What that driver was called from; without a driver that was looked for, what the module at fault was called from.
    pub caller: Option<Frame>,
    /// What is odd in the dump or left out of the answer.
    pub remarks: Vec<String>,
}

/// The driver that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sought {
    /// Its file name.
    pub name: String,
    /// Whether it was loaded.
    pub loaded: Loaded,
}

/// Whether a driver was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loaded {
    /// It is not among the modules.
    No,
    /// It is, and nothing contradicts that it is the build that is known here.
    Yes,
    /// It is, in another build.
    OtherBuild,
}

/// A place in the machine's code.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    /// The address; of a frame from the stack the one that execution returns to.
    #[serde(serialize_with = "hex")]
    pub address: u64,
    /// The module that holds it.
    pub module: Option<String>,
    /// Its distance from the module's base.
    #[serde(serialize_with = "hex")]
    pub offset: u64,
    /// Function, file and line, in the driver that was looked for.
    pub place: Option<Place>,
    /// How it is known.
    pub evidence: Evidence,
}

/// How a place is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A parameter of the bug check, counted from 1, says so.
    Parameter(usize),
    /// The exception record that a parameter points to says so.
    ExceptionRecord(usize),
    /// The context that a parameter points to says so.
    ExceptionContext(usize),
    /// The processor was there when the dump was made.
    Processor,
    /// It lay on the stack as a return address, and may be left from an earlier call.
    Stack {
        /// Where.
        #[serde(serialize_with = "hex")]
        at: u64,
        /// Whether there is a call before it in the code; false: neither the dump nor a file here has the code.
        call: bool,
    },
}

/// JSON's numbers do not take 64 bits.
fn hex<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:#x}"))
}

/// What is read from a dump.
pub(super) struct Crash<'a> {
    pub(super) source: &'a Source,
    pub(super) memory: &'a Memory,
    pub(super) modules: &'a [Module],
    pub(super) context: Context,
    pub(super) bug_check: BugCheck,
    pub(super) kind: Kind,
}

impl Crash<'_> {
    pub(super) fn judge(&self, own: Option<&Own>, mut remarks: Vec<String>) -> Triage {
        let (sought, own) = self.sought(own, &mut remarks);
        let (told, context) = self.told();
        let fault = self.fault(&told);
        let is_own = |address: u64| {
            let name = match &sought {
                Some(sought) => Some(sought.name.as_str()),
                None => fault.and_then(|(address, _)| Some(self.at(address)?.0)),
            };
            name.zip(self.at(address))
                .is_some_and(|(name, (module, _))| module.eq_ignore_ascii_case(name))
        };
        // The stack that the exception happened on, where a context or the processor's own frame of it tells.
        let exact = match (context, fault) {
            (Some(context), _) => Some(context.rsp),
            (None, Some((address, Evidence::Processor))) if address == self.context.rip => {
                Some(self.context.rsp)
            }
            (None, Some((address, _))) => {
                stack::at_fault(self.source, self.memory, self.context.rsp, address)
            }
            (None, None) => None,
        };
        let start = exact.unwrap_or(self.context.rsp);
        let code = |address: u64| {
            let before = address.wrapping_sub(stack::CALL as u64);
            stack::bytes_at(self.source, self.memory, before).or_else(|| {
                let (module, inside) = self.at(address)?;
                own.filter(|own| module.eq_ignore_ascii_case(&own.name))?
                    .code_before(inside)
            })
        };
        let hits = stack::scan(self.source, self.memory, self.modules, start, code);
        let processor = [(self.context.rip, Evidence::Processor)];
        let direct = told
            .iter()
            .chain(&processor)
            .find(|(address, _)| is_own(*address));
        let first = hits.iter().position(|hit| is_own(hit.address));
        let of_hit = |hit: &Hit| {
            let evidence = Evidence::Stack {
                at: hit.at,
                call: hit.call == Some(true),
            };
            self.frame(hit.address, evidence, own)
        };
        // What lies above the driver's innermost frame: all of the stack at the fault, when the fault was in the driver.
        let above = match (direct, first) {
            (Some(_), _) if exact.is_some() => hits.as_slice(),
            (_, Some(first)) => &hits[first..],
            _ => &[],
        };
        let caller = above.iter().find(|hit| !is_own(hit.address)).map(of_hit);
        let innermost = match direct {
            Some((address, evidence)) => Some(self.frame(*address, *evidence, own)),
            None => first.map(|first| of_hit(&hits[first])),
        };
        Triage {
            bug_check: self.bug_check,
            name: self.bug_check.name(),
            kind: self.kind.name(),
            fault: fault.map(|(address, evidence)| self.frame(address, evidence, own)),
            driver: innermost.filter(|_| sought.is_some()),
            sought,
            caller,
            remarks,
        }
    }

    /// The places that the bug check's parameters tell, the most direct first, and the context of the exception.
    fn told(&self) -> (Vec<(u64, Evidence)>, Option<Context>) {
        let (mut told, mut exception) = (Vec::new(), None);
        for place in self.bug_check.places() {
            match *place {
                Where::Address(number) => {
                    told.push((
                        self.bug_check.parameter(number),
                        Evidence::Parameter(number),
                    ));
                }
                Where::Maybe(number) => {
                    let address = self.bug_check.parameter(number);
                    if self.at(address).is_some() {
                        told.push((address, Evidence::Parameter(number)));
                    }
                }
                Where::Record(number) => {
                    let at = self.bug_check.parameter(number);
                    if let Some(record) = stack::bytes_at(self.source, self.memory, at) {
                        let address = stack::exception_address(&record);
                        told.push((address, Evidence::ExceptionRecord(number)));
                    }
                }
                Where::Context(number) => {
                    let at = self.bug_check.parameter(number);
                    if let Some(bytes) =
                        stack::bytes_at::<CONTEXT_SIZE>(self.source, self.memory, at)
                    {
                        let context = Context::read(&bytes);
                        let known = told.iter().any(|(address, _)| *address == context.rip);
                        // What lies there may be anything: a context is where the exception was.
                        if known || self.at(context.rip).is_some() {
                            told.push((context.rip, Evidence::ExceptionContext(number)));
                            exception = Some(context);
                        }
                    }
                }
            }
        }
        (told, exception)
    }

    /// The place at fault: one that is told and lies in a module, else one that is told, else where the processor was.
    fn fault(&self, told: &[(u64, Evidence)]) -> Option<(u64, Evidence)> {
        let processor = (self.context.rip, Evidence::Processor);
        let in_module = |place: &&(u64, Evidence)| self.at(place.0).is_some();
        let any = |place: &&(u64, Evidence)| place.0 != 0;
        let of_told = told.iter().find(in_module).or(told.iter().find(any));
        of_told
            .copied()
            .or(Some(processor).filter(|(address, _)| *address != 0))
    }

    /// Finds the driver among the modules. Names of places are given only where nothing speaks against its build.
    fn sought<'o>(
        &self,
        own: Option<&'o Own>,
        remarks: &mut Vec<String>,
    ) -> (Option<Sought>, Option<&'o Own>) {
        let Some(own) = own else {
            return (None, None);
        };
        let named = |module: &&Module| module.name.eq_ignore_ascii_case(&own.name);
        let loaded = match (self.modules.iter().find(named), own.build) {
            (None, _) => Loaded::No,
            (Some(module), Some(build))
                if module.size != u64::from(build.size)
                    || module.stamp.is_some_and(|stamp| stamp != build.stamp) =>
            {
                remarks.push(format!(
                    "{} in the dump is another build (stamp {:#x}, {:#x} bytes) than the one here (stamp {:#x}, {:#x} bytes), so that no place in it is named",
                    own.name,
                    module.stamp.unwrap_or_default(),
                    module.size,
                    build.stamp,
                    build.size
                ));
                Loaded::OtherBuild
            }
            _ => Loaded::Yes,
        };
        let sought = Sought {
            name: own.name.clone(),
            loaded,
        };
        (Some(sought), Some(own).filter(|_| loaded == Loaded::Yes))
    }

    fn at(&self, address: u64) -> Option<(&str, u64)> {
        let (module, inside) = modules::at(self.modules, address)?;
        Some((&module.name, inside))
    }

    fn frame(&self, address: u64, evidence: Evidence, own: Option<&Own>) -> Frame {
        let (module, offset) = self.at(address).unzip();
        let own = own.filter(|own| module.is_some_and(|name| name.eq_ignore_ascii_case(&own.name)));
        // A return address belongs to the instruction after the call.
        let back = u64::from(matches!(evidence, Evidence::Stack { .. }));
        Frame {
            address,
            module: module.map(str::to_owned),
            offset: offset.unwrap_or(address),
            place: own.and_then(|own| own.place(offset?.saturating_sub(back))),
            evidence,
        }
    }
}

impl Triage {
    /// All of it, for evidence.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl fmt::Display for Triage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.bug_check)?;
        let at_fault = |frame: &Frame| {
            self.fault
                .as_ref()
                .is_some_and(|fault| fault.address == frame.address)
        };
        match (&self.driver, &self.fault) {
            (Some(driver), _) if at_fault(driver) => write!(f, "{driver}")?,
            (driver, fault) => {
                match fault {
                    Some(fault) => write!(f, "at {fault}")?,
                    None => f.write_str("where is not told")?,
                }
                if let Some(driver) = driver {
                    write!(f, "; in {driver}")?;
                }
            }
        }
        match (&self.driver, &self.sought) {
            (None, Some(sought)) if sought.loaded == Loaded::No => {
                write!(f, "; {} is not loaded", sought.name)?;
            }
            (None, Some(sought)) => {
                write!(
                    f,
                    "; {} is loaded, and neither at fault nor on the stack",
                    sought.name
                )?;
            }
            _ => {}
        }
        if let Some(caller) = &self.caller {
            write!(f, "; called from {caller}")?;
        }
        for remark in &self.remarks {
            write!(f, "; note: {remark}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.module {
            Some(module) => write!(f, "{module}+{:#x}", self.offset)?,
            None => write!(f, "{:#x}, which is in no module", self.address)?,
        }
        if let Some(place) = &self.place {
            write!(f, " {}", place.function)?;
            if let Some((file, line)) = &place.line {
                write!(f, ", {file}:{line}")?;
            }
        }
        match self.evidence {
            Evidence::Stack { .. } => f.write_str(" (from the stack, may be stale)"),
            Evidence::Processor => f.write_str(" (where the processor was)"),
            _ => Ok(()),
        }
    }
}
