#!/usr/bin/env python3
"""Style limits as a failing test: lengths, heads of files, one-way includes, words that mean "unfinished".

usage: tidy.py SOURCE_ROOT
At most ten places may exceed a length, each marked `tidy: allow REASON` (in the first lines of a file,
or on the line above a function).
"""
import pathlib
import re
import sys

FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES, COLUMNS, EXCEPTIONS_MAX = 500, 600, 70, 100, 10

# Folder -> folders whose headers its files may include. The most specific folder of a file counts.
MAY_INCLUDE = {
    'base': {'base'},
    'proto': {'base', 'proto'},
    'weights': {'base', 'proto', 'weights'},
    'broker/core': {'base', 'proto', 'broker/core'},
    'broker': {'base', 'proto', 'weights', 'broker', 'broker/core'},
    'worker/agent': {'base', 'proto', 'weights', 'worker', 'worker/agent'},
    'worker/infer': {'base', 'proto', 'weights', 'worker', 'worker/infer'},
    'worker': {'base', 'proto', 'worker'},
    'client': {'base', 'proto', 'weights', 'client'},
    'bench': {'base', 'proto', 'weights', 'broker', 'broker/core', 'worker', 'worker/agent',
              'worker/infer', 'client', 'bench', 'tests/lib'},
    'tests': None,  # anything
    'tests/lib': None,
}
# What the pure parts may not see: the operating system, libraries, and our own impure headers.
PURE_FILES = re.compile(r'broker/core/|client/session\.|worker/child_message\.|'
                        r'worker/agent/(agent|beats|internal|leases|nursery|obey|reports|slices)\.|'
                        r'proto/(result|messages|mirror|limits|fact|types|version|why|rates)\.')
PURE_SYSTEM = {'assert.h', 'errno.h', 'inttypes.h', 'limits.h', 'math.h', 'stdbool.h', 'stddef.h',
               'stdint.h', 'string.h', 'stdalign.h', 'stdarg.h'}
PURE_OURS = re.compile(r'(base/(assert|text|format|human|random|sha256|error)|proto/(limits|types|fact|messages|mirror|result|version|why|rates)|'
                       r'broker/core/.*|worker/agent/.*|worker/child_message|client/session)\.h$')
UNFINISHED = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')

problems = []
exceptions = []


def complain(path, line, text):
    problems.append(f'{path}:{line}: {text}')


def room_of(path):
    best = max((d for d in MAY_INCLUDE if path.startswith(d + '/')), key=len, default=None)
    return best


def check_lengths(path, lines):
    limit = TEST_FILE_LINES if path.startswith('tests/') else FILE_LINES
    allowed = any('tidy: allow' in line for line in lines[:12])
    if len(lines) > limit:
        if allowed:
            exceptions.append(path)
        else:
            complain(path, len(lines), f'{len(lines)} lines, at most {limit}')
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            complain(path, number, f'{len(line)} columns, at most {COLUMNS}')
    check_functions(path, lines)


def check_functions(path, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            start = number
        elif line.startswith('}') and start is not None:
            length = number - start + 1
            if length > FUNCTION_LINES:
                head = lines[max(0, start - 6):start]
                if any('tidy: allow' in h for h in head):
                    exceptions.append(f'{path}:{start}')
                else:
                    complain(path, start, f'function of {length} lines, at most {FUNCTION_LINES}')
            start = None


def check_includes(path, lines):
    room = room_of(path)
    may = MAY_INCLUDE.get(room)
    pure = bool(PURE_FILES.search(path))
    for number, line in enumerate(lines, 1):
        ours = re.match(r'#include "([^"]+)"', line)
        system = re.match(r'#include <([^>]+)>', line)
        if ours and may is not None:
            target = ours.group(1)
            folder = room_of(target)
            if folder is None and not target.endswith('.pb-c.h'):
                complain(path, number, f'include "{target}" does not name its folder')
            elif folder is not None and folder not in may:
                complain(path, number, f'{room} may not include {folder} ("{target}")')
        if pure and system and system.group(1) not in PURE_SYSTEM:
            complain(path, number, f'a pure file may not include <{system.group(1)}>')
        if pure and ours and not PURE_OURS.search(ours.group(1)):
            complain(path, number, f'a pure file may not include "{ours.group(1)}"')


def has_header(root, path):
    return path.endswith('.c') and (root / path).with_suffix('.h').exists()


def check_text(root, path, lines):
    # X.c may leave its purpose to X.h.
    if not lines or not (lines[0].startswith('//') or has_header(root, path)):
        complain(path, 1, 'a file begins with a comment that says its purpose')
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            complain(path, number, 'unfinished work marked in the code')
        if line != line.rstrip():
            complain(path, number, 'trailing white space')
        if '\t' in line:
            complain(path, number, 'a tab')


def main():
    root = pathlib.Path(sys.argv[1])
    files = sorted(p for top in MAY_INCLUDE if '/' not in top for p in (root / top).rglob('*.[ch]'))
    for file in files:
        path = file.relative_to(root).as_posix()
        lines = file.read_text(encoding='utf-8').split('\n')
        if lines and lines[-1] == '':
            lines.pop()
        else:
            complain(path, len(lines), 'no newline at the end')
        check_lengths(path, lines)
        check_includes(path, lines)
        check_text(root, path, lines)
    if len(exceptions) > EXCEPTIONS_MAX:
        problems.append(f'{len(exceptions)} exceptions, at most {EXCEPTIONS_MAX}: {exceptions}')
    print('\n'.join(problems) if problems else f'{len(files)} files are tidy')
    return 1 if problems or not files else 0


sys.exit(main())
