# What the Windows of a base image is told at its first logon, from the disc that its answer file lay on. Pages are on learn.microsoft.com.
# Ends in a restart, after which the agent greets the host; when anything fails, in the machine's end, and the host has the log then.
$ErrorActionPreference = 'Stop'
$folder = 'C:\waverig'
$letter = 'W'
$log = "$folder\setup.log"

function Invoke-Program([string] $Program, [string[]] $Words) {
    & $Program @Words
    if ($LASTEXITCODE -ne 0) { throw "$Program $Words ends with $LASTEXITCODE" }
}

function Set-Value([string] $Key, [string] $Name, $Value, [string] $Kind = 'DWord') {
    if (-not (Test-Path $Key)) { New-Item -Path $Key -Force | Out-Null }
    New-ItemProperty -Path $Key -Name $Name -PropertyType $Kind -Value $Value -Force | Out-Null
}

# The disk that goes home gets a letter of its own. Windows knows a volume again by its disk's signature and its place there ("Supporting
# Mount Manager Requests in a Storage Class Driver"), and every guest's disk has the same (vm/src/disk.rs).
#
# A server leaves a disk that it has not seen before offline when that is on a bus which others might share, as Hyper-V's SCSI is one
# ("Set-StorageSetting", NewDiskPolicy); each guest's disks are such.
function Find-ResultDisk {
    Set-StorageSetting -NewDiskPolicy OnlineAll
    Get-Disk | Where-Object { $_.IsOffline } | Set-Disk -IsOffline $false
    $volume = Get-Volume | Where-Object { $_.FileSystemLabel -eq 'RESULT' } | Select-Object -First 1
    if ($volume -and $volume.DriveLetter -ne $letter) {
        $volume | Get-Partition | Set-Partition -NewDriveLetter $letter
    }
    [bool] $volume
}

function Set-CrashDumps([bool] $ToResultDisk) {
    # "Overview of memory dump file options for Windows": a kernel dump, which stays; and the machine stays as it is, so that the host
    # sees its screen and takes the disk.
    $crash = 'HKLM:\SYSTEM\CurrentControlSet\Control\CrashControl'
    Set-Value $crash 'CrashDumpEnabled' 2
    Set-Value $crash 'AlwaysKeepMemoryDump' 1
    Set-Value $crash 'Overwrite' 1
    Set-Value $crash 'AutoReboot' 0
    if ($ToResultDisk) {
        # "Configure memory dump files for Server Core installation"; the size is in MB.
        Set-Value $crash 'DedicatedDumpFile' "${letter}:\memory.dmp" 'String'
        Set-Value $crash 'DumpFileSize' 1536
    }
}

function Set-Quiet {
    # "Powercfg command-line options": no sleep, no dark screen.
    Invoke-Program 'powercfg.exe' '/change', 'standby-timeout-ac', '0'
    Invoke-Program 'powercfg.exe' '/change', 'monitor-timeout-ac', '0'
    Invoke-Program 'powercfg.exe' '/hibernate', 'off'
    # "Manage additional Windows Update settings": none by itself.
    Set-Value 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU' 'NoAutoUpdate' 1
}

function Set-Audio {
    # Servers do not start them by themselves.
    'AudioEndpointBuilder', 'Audiosrv' | ForEach-Object { Set-Service -Name $_ -StartupType Automatic }
    # Programs may listen. Inferred: what the settings page "Microphone" writes, for all users, and for programs without a package.
    $consent = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone'
    Set-Value $consent 'Value' 'Allow' 'String'
    Set-Value "$consent\NonPackaged" 'Value' 'Allow' 'String'
}

function Set-Logon {
    # "Turn on automatic logon in Windows": for good, not for as often as the answer file says.
    $logon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    Set-Value $logon 'AutoAdminLogon' '1' 'String'
    Set-Value $logon 'DefaultUserName' $env:USERNAME 'String'
    Set-Value $logon 'DefaultPassword' 'Waverig-2' 'String'
    Remove-ItemProperty -Path $logon -Name 'AutoLogonCount' -ErrorAction SilentlyContinue
    # The password does not expire.
    Set-LocalUser -Name $env:USERNAME -PasswordNeverExpires $true
}

function Install-Agent {
    Copy-Item -Path "$PSScriptRoot\AGENT.EXE" -Destination "$folder\waverig-agent.exe" -Force
    # Module ScheduledTasks. Started in the session of whoever logs on, with his highest rights; without the limit of three days and the
    # lowered priority that tasks have (ITaskSettings); again after a minute, when it ends.
    $action = New-ScheduledTaskAction -Execute "$folder\waverig-agent.exe" -Argument '--serial COM1'
    $trigger = New-ScheduledTaskTrigger -AtLogOn -User $env:USERNAME
    $principal = New-ScheduledTaskPrincipal -UserId $env:USERNAME -LogonType Interactive -RunLevel Highest
    $settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -Priority 4 -ExecutionTimeLimit ([TimeSpan]::Zero) -RestartCount 999 -RestartInterval ([TimeSpan]::FromMinutes(1))
    Register-ScheduledTask -TaskName 'waverig-agent' -Action $action -Trigger $trigger -Principal $principal -Settings $settings -Force | Out-Null
}

New-Item -ItemType Directory -Path $folder -Force | Out-Null
Start-Transcript -Path $log | Out-Null
$end = '/s'
$hasDisk = $false
try {
    $hasDisk = Find-ResultDisk
    Set-CrashDumps $hasDisk
    Set-Quiet
    Set-Audio
    Set-Logon
    Install-Agent
    # "BCDEdit /set": drivers that a test certificate has signed are loaded; and a machine whose power was taken starts as if nothing was.
    Invoke-Program 'bcdedit.exe' '/set', 'testsigning', 'on'
    Invoke-Program 'bcdedit.exe' '/set', 'bootstatuspolicy', 'IgnoreAllFailures'
    $end = '/r'
    Write-Host 'everything is set'
} catch {
    Write-Host ($_ | Out-String)
}
Stop-Transcript | Out-Null
if ($hasDisk) { Copy-Item -Path $log -Destination "${letter}:\setup.log" -Force }
& shutdown.exe $end /t 0
