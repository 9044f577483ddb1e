#!/usr/bin/env python3
"""The pure cores may call nothing but a few memory and string functions: no I/O, no allocation, no clock.

usage: nm.py BASE ARCHIVE...   (static libraries, built without sanitizers)
Looks at every symbol that an archive needs: it must be defined in one of them or in BASE (which may
say on stderr that an assertion failed, and is not looked at itself), or be in the list below.
"""
import re
import subprocess
import sys

ALLOWED = {'memcpy', 'memset', 'memcmp', 'memmove', 'strlen', 'strnlen', 'strcmp', 'strncmp', 'strchr'}
# What the compiler adds by itself: hardening, and a sum of its own for wide divisions.
COMPILER = re.compile(r'__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__u?(div|mod)[dt]i[34]|'
                      r'__mem(cpy|set|move)_chk')


def symbols(archive, option):
    run = subprocess.run(['nm', option, archive], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in run.stdout.splitlines()
            if line.strip() and not line.endswith(':')}


def forbidden(archive, known):
    needed = symbols(archive, '--undefined-only') - known
    return sorted(s for s in needed if s not in ALLOWED and not COMPILER.fullmatch(s))


def main():
    known = set().union(*(symbols(archive, '--defined-only') for archive in sys.argv[1:]))
    bad = False
    for archive in sys.argv[2:]:
        found = forbidden(archive, known)
        bad = bad or bool(found)
        print(f'{archive}: ' + ('calls ' + ', '.join(found) if found else 'pure'))
    return 1 if bad or len(sys.argv) < 3 else 0


sys.exit(main())
