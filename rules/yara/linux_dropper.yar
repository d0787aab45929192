/* Linux programs and scripts that fetch others, make them run and hide. */
rule elf_dropper : dropper
{
    meta:
        description = "A program that fetches others by shell commands and makes them run"
        score = 80
        technique = "T1105"
    strings:
        $fetch = /(wget|curl|tftp|ftpget)\s[^\x00\r\n]{0,120}(https?:\/\/|-g |\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})/
        $run = /chmod\s+(\+x|[0-7]{0,1}7[0-7]{2})\s/
        $place = /\/(tmp|var\/tmp|dev\/shm|var\/run)\/[.\w]/
    condition:
        uint32(0) == 0x464c457f and filesize < 20MB and all of them
}

rule shell_dropper : dropper
{
    meta:
        description = "A shell script that fetches a program, makes it run and removes it"
        score = 75
        technique = "T1105"
    strings:
        $fetch = /\b(wget|curl|tftp|ftpget)\b[^\r\n]{0,160}\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/
        $run = /\bchmod\s+(\+x|[0-7]{0,1}7[0-7]{2})\s/
        $place = /\bcd\s+\/(tmp|var\/run|var\/tmp|dev\/shm|mnt|root)\b/
        $remove = /\brm\s+-rf?\s/
    condition:
        filesize < 1MB and $fetch and $run and $place and $remove
}
