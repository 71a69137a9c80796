//! The cmdlets that the machine needs: one function each, with its arguments, and the type of what it puts out.
//!
//! Source of every name and parameter: the pages of the Hyper-V module (learn.microsoft.com/powershell/module/hyper-v, of Windows
//! Server 2016 to 2025), other modules' where a comment says so. A virtual machine is named by its id: a name may be taken twice.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Answer, Refused};
use super::executor::Executor;
use super::literal::text;

/// A call of a cmdlet whose output is a `T`.
pub struct Call<T> {
    cmdlet: &'static str,
    script: String,
    read: fn(Vec<Value>) -> Result<T, String>,
}

impl<T> Call<T> {
    /// The PowerShell text.
    #[must_use]
    pub fn script(&self) -> &str {
        &self.script
    }

    /// Has it executed.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(super) fn on(&self, executor: &dyn Executor, deadline: Duration) -> Result<T, Refused> {
        let strange = |why: String| Refused::Strange {
            cmdlet: self.cmdlet.into(),
            why,
        };
        let line = executor
            .run(&self.script, deadline)
            .map_err(Refused::Failure)?;
        match serde_json::from_str(&line) {
            Ok(Answer::Value(value)) => (self.read)(value).map_err(strange),
            Ok(Answer::Error(complaint)) => Err(Refused::Complaint {
                cmdlet: self.cmdlet.into(),
                complaint,
            }),
            Err(error) => Err(strange(error.to_string())),
        }
    }
}

/// Of a virtual machine's id, as Hyper-V gives it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct VmId(pub String);

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `Get-VM` says of a virtual machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Vm {
    /// Its name, not necessarily the only one of this name.
    pub name: String,
    /// Its id.
    pub id: VmId,
    /// `Off`, `Running`, …: the enumeration VMState.
    pub state: String,
    /// What somebody wrote there.
    pub notes: Option<String>,
    /// Folder of its configuration.
    pub path: Option<String>,
}

/// The properties of [`Vm`].
const VM: &str = "Select-Object -Property Name, Notes, Path, @{ Name = 'Id'; Expression = { [string]$_.Id } }, @{ Name = 'State'; Expression = { [string]$_.State } }";

/// What `Get-VHD` says of a virtual disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Vhd {
    /// `VHD`, `VHDX`, `VHDSet`.
    pub format: String,
    /// Bytes that it can hold.
    pub size: u64,
}

/// What `Get-VMHost` says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct VmHost {
    /// The host's name.
    pub name: String,
}

/// Whether Hyper-V is here, runs, and may be used by this user.
#[must_use]
pub fn get_vm_host() -> Call<VmHost> {
    one(
        "Get-VMHost",
        "Get-VMHost | Select-Object -Property Name".into(),
    )
}

/// What a disk's file is.
#[must_use]
pub fn get_vhd(path: &str) -> Call<Vhd> {
    one(
        "Get-VHD",
        format!(
            "Get-VHD -Path {} | Select-Object -Property Size, @{{ Name = 'Format'; Expression = {{ [string]$_.VhdFormat }} }}",
            text(path)
        ),
    )
}

/// Makes a disk that keeps what differs from `parent`, which is not written to. The name's end decides the format: `.vhdx`.
#[must_use]
pub fn new_vhd_differencing(path: &str, parent: &str) -> Call<()> {
    nothing(
        "New-VHD",
        format!(
            "New-VHD -Path {} -ParentPath {} -Differencing | Out-Null",
            text(path),
            text(parent)
        ),
    )
}

/// Makes an empty disk that can hold so much, in a file that grows.
#[must_use]
pub fn new_vhd_dynamic(path: &str, size: Bytes) -> Call<()> {
    nothing(
        "New-VHD",
        format!(
            "New-VHD -Path {} -SizeBytes {} -Dynamic | Out-Null",
            text(path),
            size.0
        ),
    )
}

/// Puts a disc into a drive of its own.
#[must_use]
pub fn add_vm_dvd_drive(id: &VmId, disc: &str) -> Call<()> {
    nothing(
        "Add-VMDvdDrive",
        format!("Add-VMDvdDrive -VM {} -Path {}", vm(id), text(disc)),
    )
}

/// Attaches a disk's file to the SCSI controller of a machine of generation 2, at its next free place. There is no parameter for a disk that is
/// only read.
#[must_use]
pub fn add_vm_hard_disk_drive(id: &VmId, disk: &str) -> Call<()> {
    nothing(
        "Add-VMHardDiskDrive",
        format!(
            "Add-VMHardDiskDrive -VM {} -ControllerType SCSI -Path {}",
            vm(id),
            text(disk)
        ),
    )
}

/// Lets the firmware try the disk first, then the discs in the order in which their drives were added. That it goes on when there is
/// nothing to start is inferred.
#[must_use]
pub fn set_vm_firmware_boot_order(id: &VmId) -> Call<()> {
    nothing(
        "Set-VMFirmware",
        format!(
            "$vm = {}
Set-VMFirmware -VM $vm -BootOrder (@(Get-VMHardDiskDrive -VM $vm) + @(Get-VMDvdDrive -VM $vm))",
            bare(id)
        ),
    )
}

/// Presses Enter once a second, so many times.
///
/// Source: the method TypeKey of Msvm_Keyboard (learn.microsoft.com/windows/win32/hyperv_v2), with a virtual key code; the sample of
/// PressKey finds the keyboard so.
#[must_use]
pub fn type_enter(id: &VmId, times: u32) -> Call<()> {
    let filter = text(&format!("Name = \"{id}\""));
    nothing(
        "TypeKey",
        format!(
            "$vm = Get-CimInstance -Namespace 'root\\virtualization\\v2' -ClassName Msvm_ComputerSystem -Filter {filter}
$keyboard = Get-CimAssociatedInstance -InputObject $vm -ResultClassName Msvm_Keyboard
foreach ($time in 1..{times}) {{
    $result = Invoke-CimMethod -InputObject $keyboard -MethodName TypeKey -Arguments @{{ keyCode = [uint32]13 }}
    Start-Sleep -Seconds 1
}}
if ($result.ReturnValue -ne 0) {{ throw ('no key was pressed: ' + $result.ReturnValue) }}"
        ),
    )
}

/// Makes a virtual machine of generation 2 that starts from `disk`, with its configuration below `folder`.
#[must_use]
pub fn new_vm(name: &str, memory: Bytes, disk: &str, folder: &str) -> Call<Vm> {
    one(
        "New-VM",
        format!(
            "New-VM -Name {} -Generation 2 -MemoryStartupBytes {} -VHDPath {} -BootDevice VHD -Path {} | {VM}",
            text(name),
            memory.0,
            text(disk),
            text(folder)
        ),
    )
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// Fixes what a test machine must not do by itself: grow, take checkpoints, start with the host, or be saved when that ends.
#[must_use]
pub fn set_vm(id: &VmId, processors: u32, notes: &str) -> Call<()> {
    nothing(
        "Set-VM",
        format!(
            "Set-VM -VM {} -ProcessorCount {processors} -StaticMemory -CheckpointType Disabled -AutomaticCheckpointsEnabled $false -AutomaticStartAction Nothing -AutomaticStopAction TurnOff -Notes {}",
            vm(id),
            text(notes)
        ),
    )
}

/// Lets the firmware start what Microsoft has not signed.
#[must_use]
pub fn set_vm_firmware_without_secure_boot(id: &VmId) -> Call<()> {
    nothing(
        "Set-VMFirmware",
        format!("Set-VMFirmware -VM {} -EnableSecureBoot Off", vm(id)),
    )
}

/// Makes COM port `number` a named pipe.
#[must_use]
pub fn set_vm_com_port(id: &VmId, number: u8, pipe: &str) -> Call<()> {
    nothing(
        "Set-VMComPort",
        format!(
            "Set-VMComPort -VM {} -Number {number} -Path {}",
            vm(id),
            text(pipe)
        ),
    )
}

/// Takes the network adapter away that every new virtual machine has: nothing but this host speaks to it.
#[must_use]
pub fn remove_vm_network_adapter(id: &VmId) -> Call<()> {
    nothing(
        "Remove-VMNetworkAdapter",
        format!("Remove-VMNetworkAdapter -VM {}", vm(id)),
    )
}

/// Starts it.
#[must_use]
pub fn start_vm(id: &VmId) -> Call<()> {
    nothing("Start-VM", format!("Start-VM -VM {}", vm(id)))
}

/// What it is now.
#[must_use]
pub fn get_vm(id: &VmId) -> Call<Vm> {
    one("Get-VM", format!("{} | {VM}", bare(id)))
}

/// All there are on this host.
#[must_use]
pub fn get_vms() -> Call<Vec<Vm>> {
    all("Get-VM", format!("Get-VM | {VM}"))
}

/// Takes its power away.
#[must_use]
pub fn stop_vm(id: &VmId) -> Call<()> {
    nothing("Stop-VM", format!("Stop-VM -VM {} -TurnOff -Force", vm(id)))
}

/// Removes it; its disks stay.
#[must_use]
pub fn remove_vm(id: &VmId) -> Call<()> {
    nothing("Remove-VM", format!("Remove-VM -VM {} -Force", vm(id)))
}

/// Lets its kernel crash, so that it says where it was.
#[must_use]
pub fn debug_vm(id: &VmId) -> Call<()> {
    nothing(
        "Debug-VM",
        format!("Debug-VM -VM {} -InjectNonMaskableInterrupt -Force", vm(id)),
    )
}

/// A picture of its screen: base64 of RGB565.
///
/// Source: the method GetVirtualSystemThumbnailImage of Msvm_VirtualSystemManagementService, in the WMI provider of Hyper-V
/// (learn.microsoft.com/windows/win32/hyperv_v2); `Invoke-CimMethod` of the module CimCmdlets. A picture that is made by a job is none
/// that one waits for.
#[must_use]
pub fn thumbnail(id: &VmId, width: u16, height: u16) -> Call<String> {
    let filter = text(&format!("Name = \"{id}\""));
    one(
        "GetVirtualSystemThumbnailImage",
        format!(
            "$space = 'root\\virtualization\\v2'
$vm = Get-CimInstance -Namespace $space -ClassName Msvm_ComputerSystem -Filter {filter}
$settings = Get-CimAssociatedInstance -InputObject $vm -Association Msvm_SettingsDefineState -ResultClassName Msvm_VirtualSystemSettingData | Select-Object -First 1
$service = Get-CimInstance -Namespace $space -ClassName Msvm_VirtualSystemManagementService
$result = Invoke-CimMethod -InputObject $service -MethodName GetVirtualSystemThumbnailImage -Arguments @{{ TargetSystem = $settings; WidthPixels = [uint16]{width}; HeightPixels = [uint16]{height} }}
if ($result.ReturnValue -ne 0) {{ throw ('there is no picture: ' + $result.ReturnValue) }}
[Convert]::ToBase64String($result.ImageData)"
        ),
    )
}

/// What this host noted of it since it was made: `Get-WinEvent` (module Microsoft.PowerShell.Diagnostics), the log of the processes that
/// run virtual machines. That its messages name the machine's id is inferred from ones that are quoted in public.
#[must_use]
pub fn get_worker_events(id: &VmId, most: u32) -> Call<Vec<HostEvent>> {
    let like = text(&format!("*{id}*"));
    all(
        "Get-WinEvent",
        format!(
            "Get-WinEvent -LogName 'Microsoft-Windows-Hyper-V-Worker-Admin' -MaxEvents {most} -ErrorAction SilentlyContinue | Where-Object {{ $_.Message -like {like} }} | Select-Object -Property Id, Message, @{{ Name = 'Time'; Expression = {{ $_.TimeCreated.ToString('o') }} }}"
        ),
    )
}

/// One event of the host's log.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct HostEvent {
    /// When, ISO 8601.
    pub time: String,
    /// Its number.
    pub id: u32,
    /// What it says.
    pub message: String,
}

fn bare(id: &VmId) -> String {
    format!("Get-VM -Id {}", text(&id.0))
}

fn vm(id: &VmId) -> String {
    format!("({})", bare(id))
}

fn nothing(cmdlet: &'static str, script: String) -> Call<()> {
    Call {
        cmdlet,
        script,
        read: |_| Ok(()),
    }
}

fn all<T: DeserializeOwned>(cmdlet: &'static str, script: String) -> Call<Vec<T>> {
    let read = |values: Vec<Value>| {
        let typed = values.into_iter().map(serde_json::from_value);
        typed
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    };
    Call {
        cmdlet,
        script,
        read,
    }
}

fn one<T: DeserializeOwned>(cmdlet: &'static str, script: String) -> Call<T> {
    let read = |mut values: Vec<Value>| match (values.pop(), values.len()) {
        (Some(value), 0) => serde_json::from_value(value).map_err(|error| error.to_string()),
        (last, more) => Err(format!(
            "one object was expected, {} came",
            more + usize::from(last.is_some())
        )),
    };
    Call {
        cmdlet,
        script,
        read,
    }
}
