# Defines what executes each script that arrives (base64 of UTF-16) and answers it with one line of JSON.
# The answer goes past PowerShell's own formatting, which may wrap lines, and is ASCII, since a console's code page is anything.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$ConfirmPreference = 'None'
function Invoke-Waverig([string]$Encoded) {
    try {
        $script = [Text.Encoding]::Unicode.GetString([Convert]::FromBase64String($Encoded))
        $value = @(& ([ScriptBlock]::Create($script)))
        $answer = @{ 'value' = $value }
    } catch {
        $answer = @{
            'error' = @{
                'category' = [string]$_.CategoryInfo.Category
                'id' = [string]$_.FullyQualifiedErrorId
                'message' = [string]$_.Exception.Message
                'code' = [int]$_.Exception.HResult
            }
        }
    }
    $json = ConvertTo-Json -InputObject $answer -Depth 4 -Compress
    $ascii = [regex]::Replace($json, '[^\x20-\x7e]', { param($letter) '\u{0:x4}' -f [int][char]$letter.Value })
    [Console]::Out.WriteLine('waverig ' + $ascii)
}
