#!/usr/bin/env python3
"""Deliberate bugs for the simulator, made by source generation: the product has no hook for them.

usage: mutate.py files LIST                 the sources that the list changes, one a line
       mutate.py write LIST ROOT FOLDER     changed copies of them, and mutants.c, into FOLDER
       mutate.py seeds LIST PROGRAM         has idunno-sim-mutants look for each one's first seeds,
                                            and writes them into the list

The list (mutants.list) names each mutant with up to three seeds that caught it, and for each change
the file, the text that is there and the text instead of it, where MUTANT is true while this mutant
is chosen. White space makes no difference; a text that is not found exactly once is an error: then
the code has changed, and so must the mutant.
"""
import pathlib
import re
import subprocess
import sys

HEAD = '// Made by tests/sim/mutate.py from {}.\nextern int idn_sim_mutant;\n#line 1 "{}"\n'
TITLE = r'(\S+) \(seeds? ([\d ]+)\): (.*)'
SEEDS_MAX = 3


def read_list(path):
    mutants, change = [], None
    for number, line in enumerate(open(path, encoding='utf-8'), 1):
        text = line.rstrip('\n')
        if text.startswith('== '):
            name, seeds, what = re.fullmatch(TITLE, text[3:]).groups()
            mutants.append({'name': name, 'seeds': seeds.split()[:SEEDS_MAX], 'what': what,
                            'changes': []})
        elif text.startswith('@ '):
            change = {'file': text[2:], 'old': [], 'new': [], 'line': number}
            mutants[-1]['changes'].append(change)
        elif text.startswith('- '):
            change['old'].append(text[2:])
        elif text.startswith('+ '):
            change['new'].append(text[2:])
        elif text and not text.startswith('#'):
            sys.exit(f'{path}:{number}: a line begins with "== ", "@ ", "- ", "+ " or "#"')
    return mutants


def files_of(mutants):
    return sorted({change['file'] for mutant in mutants for change in mutant['changes']})


def place_of(source, change, path):
    words = ' '.join(change['old']).split()
    found = list(re.finditer(r'\s+'.join(re.escape(word) for word in words), source))
    if len(found) != 1:
        sys.exit(f'{path}:{change["line"]}: this text is in {change["file"]} {len(found)} times: '
                 f'{" ".join(words)}')
    return found[0].span()


def changed(source, name, mutants, path):
    places = []
    for number, mutant in enumerate(mutants, 1):
        for change in mutant['changes']:
            if change['file'] != name:
                continue
            new = re.sub(r'\bMUTANT\b', f'!!(idn_sim_mutant == {number})', ' '.join(change['new']))
            places.append((*place_of(source, change, path), new, change['line']))
    places.sort(reverse=True)
    for later, earlier in zip(places, places[1:]):
        if earlier[1] > later[0]:
            sys.exit(f'{path}:{earlier[3]}: overlaps with the change in line {later[3]}')
    for start, end, new, _ in places:
        source = source[:start] + new + '\n' * source[start:end].count('\n') + source[end:]
    return source


def write(path, root, folder):
    mutants = read_list(path)
    for name in files_of(mutants):
        source = (pathlib.Path(root) / name).read_text(encoding='utf-8')
        text = HEAD.format(name, name) + changed(source, name, mutants, path)
        (pathlib.Path(folder) / name.replace('/', '__')).write_text(text, encoding='utf-8')
    rows = ''.join(f'    {{"{m["name"]}", "{m["what"]}", {{{", ".join(m["seeds"])}}}}},\n'
                   for m in mutants)
    (pathlib.Path(folder) / 'mutants.c').write_text(
        '// Made by tests/sim/mutate.py.\n#include "tests/sim/mutants.h"\n\nint idn_sim_mutant;\n'
        f'const struct sim_mutant sim_mutants[] = {{\n{rows}    {{0}},\n}};\n', encoding='utf-8')


def find_seeds(path, program):
    text = pathlib.Path(path).read_text(encoding='utf-8')
    for mutant in read_list(path):
        name = mutant['name']
        run = subprocess.run([program, '--mutant', name, '--seeds', '1..3000', '--once',
                              '--failures', str(SEEDS_MAX)], stdout=subprocess.PIPE, text=True)
        found = re.findall(r'^seed (\d+) failed', run.stdout, re.M)
        print(f'{name}: {" ".join(found) or "not caught by 3000 seeds"}', flush=True)
        word = 'seed' if len(found) == 1 else 'seeds'
        if found:
            text = re.sub(rf'^== {name} \(seeds? [\d ]+\)', f'== {name} ({word} {" ".join(found)})',
                          text, flags=re.M)
    pathlib.Path(path).write_text(text, encoding='utf-8')


if len(sys.argv) == 3 and sys.argv[1] == 'files':
    print('\n'.join(files_of(read_list(sys.argv[2]))))
elif len(sys.argv) == 5 and sys.argv[1] == 'write':
    write(*sys.argv[2:])
elif len(sys.argv) == 4 and sys.argv[1] == 'seeds':
    find_seeds(*sys.argv[2:])
else:
    sys.exit(__doc__)
