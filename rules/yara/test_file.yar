/* The harmless file that every scanner shall report (EICAR, "Anti-Malware Testfile", eicar.org). */
rule eicar_test_file : test
{
    meta:
        description = "The EICAR test file: harmless, and proof that scanning works"
        score = 50
        technique = ""
    strings:
        $text = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        $text at 0 or ($text and filesize < 128KB)
}
