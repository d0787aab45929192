/* PHP that hands what a request says to an interpreter. */
rule php_web_shell : web_shell
{
    meta:
        description = "PHP runs what a request sends"
        score = 85
        technique = "T1505.003"
    strings:
        $php = "<?php" nocase
        $short = "<?="
        $direct = /\b(eval|assert|system|passthru|shell_exec|exec|popen|proc_open|pcntl_exec)\s{0,8}\(\s{0,8}(\@|stripslashes\s{0,4}\(|trim\s{0,4}\(|base64_decode\s{0,4}\(|gzinflate\s{0,4}\(|str_rot13\s{0,4}\(){0,4}\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\b/ nocase
        $backtick = /`\s{0,8}\$_(GET|POST|REQUEST|COOKIE)\b/
        $call = /\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]]{1,40}\]\s{0,4}\(\s{0,4}\$_(GET|POST|REQUEST|COOKIE)/
    condition:
        filesize < 5MB and any of ($php, $short) and any of ($direct, $backtick, $call)
}

rule php_packed_code : web_shell
{
    meta:
        description = "PHP that unpacks code and runs it"
        score = 75
        technique = "T1027"
    strings:
        $php = "<?php" nocase
        $packed = /\b(eval|assert)\s{0,8}\(\s{0,8}(gzinflate|gzuncompress|str_rot13|base64_decode|strrev)\s{0,8}\(\s{0,8}(gzinflate|gzuncompress|str_rot13|base64_decode|strrev|'|"|\$)/ nocase
    condition:
        filesize < 5MB and $php and $packed
}
