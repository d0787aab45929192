/* PowerShell whose command is encoded or fetched and run in memory. */
rule powershell_encoded_command : script
{
    meta:
        description = "PowerShell with an encoded command of some length"
        score = 75
        technique = "T1059.001"
    strings:
        $encoded = /(powershell|pwsh)(\.exe)?["']?\s[^\r\n]{0,200}-e(c|nc|ncodedcommand)?\s+["']?[A-Za-z0-9+\/]{60,}/ ascii wide nocase
    condition:
        filesize < 20MB and $encoded
}

rule powershell_download_and_run : script
{
    meta:
        description = "PowerShell fetches code and runs it in memory"
        score = 75
        technique = "T1105"
    strings:
        $run = /\b(iex|invoke-expression)\b/ ascii wide nocase
        $fetch = /\.(downloadstring|downloaddata)\s{0,4}\(|\b(invoke-webrequest|invoke-restmethod|iwr)\s+["'(]?https?:/ ascii wide nocase
        $client = "net.webclient" ascii wide nocase
    condition:
        filesize < 5MB and $run and ($fetch or $client)
}
