#!/usr/bin/env python3
"""idunno-dataset from outside: sets that are the same for a seed, and the lists of folders.

usage: dataset.py IDUNNO_DATASET [TEST ...]
"""
import hashlib
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
JPEG, PNG = b'\xff\xd8\xff\xe0 not really', b'\x89PNG\r\n\x1a\n not really'


def jpeg_size(data):
    at = 2
    while data[at + 1] not in (0xc0, 0xc1, 0xc2):
        at += 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
    return struct.unpack('>HH', data[at + 5:at + 9])


class Dataset(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='idunno-test-dataset-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()

    def run_it(self, *arguments):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, cwd=self.folder, check=False)

    def make(self, name, images, seed=1, *more):
        done = self.run_it('make', '--images', images, '--seed', seed, '--output', name, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, status, sentence, *arguments):
        done = self.run_it(*arguments)
        self.assertEqual((done.returncode, done.stdout), (status, ''), done.stderr)
        self.assertIn(sentence, done.stderr)

    def pictures(self, name):
        return {p.name: p.read_bytes() for p in (self.folder / name).glob('*.jpg')}

    def test_make(self):
        self.make('a', 30, 1, '--list', 'all.list')
        a = self.pictures('a')
        self.assertEqual(len(a), 30)
        self.assertEqual(len(set(a.values())), 30)
        for data in a.values():
            self.assertTrue(all(300 <= side <= 500 for side in jpeg_size(data)))
        lines = (self.folder / 'a/images.list').read_text().splitlines()
        self.assertEqual(lines, sorted(a))
        lines = (self.folder / 'all.list').read_text().splitlines()
        self.assertEqual(lines, [f'{self.folder}/a/{name}' for name in sorted(a)])
        self.make('b', 30)
        self.assertEqual(self.pictures('b'), a)
        self.make('c', 30, 2)
        self.assertFalse(set(self.pictures('c').values()) & set(a.values()))

    def test_make_again(self):
        self.make('a', 10)
        before = (self.folder / 'a/000003.jpg').stat().st_mtime_ns
        self.assertIn('were there already', self.make('a', 10))
        self.assertEqual((self.folder / 'a/000003.jpg').stat().st_mtime_ns, before)
        (self.folder / 'a/000003.jpg').write_bytes(JPEG)  # damaged: made again
        self.assertNotIn('already', self.make('a', 10))
        self.assertGreater((self.folder / 'a/000003.jpg').stat().st_size, 1000)
        self.make('a', 4)  # a smaller set leaves nothing of the larger
        self.assertEqual(len(self.pictures('a')), 4)

    def test_make_broken_off(self):
        self.make('a', 5)
        manifest = self.folder / 'a/manifest'
        lines = manifest.read_text().splitlines()
        manifest.write_text('\n'.join([*lines[:-1], 'unfinished']) + '\n')
        self.assertNotIn('already', self.make('a', 5))
        self.assertEqual(manifest.read_text().splitlines(), lines)

    def test_make_refusals(self):
        (self.folder / 'mine').mkdir()
        (self.folder / 'mine/holiday.jpg').write_bytes(JPEG)
        self.refused(1, 'the folder mine is not empty and holds no set of idunno-dataset', 'make',
                     '--images', 3, '--output', 'mine')
        self.refused(1, 'cannot make the folder no/where', 'make', '--images', 3, '--output', 'no/where')
        self.refused(2, "--images '0' is not a whole number from 1", 'make', '--images', 0, '--output', 'x')
        self.refused(2, "--seed 'x' is not a whole number", 'make', '--images', 1, '--seed', 'x',
                     '--output', 'x')
        self.refused(2, 'make needs --images N and --output DIR', 'make')
        self.refused(2, 'unknown option --imags; the nearest is --images', 'make', '--imags', 3)

    def test_list(self):
        for name, data in {'b.jpg': JPEG, 'a/z.bin': PNG, 'a/notes.jpg': b'text', 'c/$(touch PWNED).png': PNG,
                           'empty.png': b'', 'c/tab\t.jpg': JPEG}.items():
            path = self.folder / 'photos' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        os.symlink('.', self.folder / 'photos/loop')
        os.mkfifo(self.folder / 'photos/fifo')
        names = ['a/z.bin', 'b.jpg', 'c/$(touch PWNED).png']
        done = self.run_it('list', 'photos')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines(), [f'{self.folder}/photos/{n}' for n in names])
        self.assertIn('1 images were left out: their paths hold a tab', done.stderr)

        done = self.run_it('list', 'photos', '--hash', '--output', 'photos/p.list')
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split('\t') for line in (self.folder / 'photos/p.list').read_text().splitlines()]
        self.assertEqual([row[0] for row in rows], names)  # below the list's own folder
        for name, size, digest in rows:
            data = (self.folder / 'photos' / name).read_bytes()
            self.assertEqual((size, digest), (str(len(data)), hashlib.sha256(data).hexdigest()))

    def test_list_refusals(self):
        (self.folder / 'none').mkdir()
        self.refused(1, 'there is no JPEG or PNG file below', 'list', 'none')
        self.refused(1, 'cannot read nowhere: No such file or directory', 'list', 'nowhere')
        self.refused(2, 'list needs one folder', 'list')
        self.refused(2, 'not for list', 'list', 'none', '--seed', 1)
        self.refused(2, "unknown command 'lst', nearest is list", 'lst')
        (self.folder / 'none/a.png').write_bytes(PNG)
        self.refused(1, 'cannot write no/where/x: No such file', 'list', 'none',
                     '--output', 'no/where/x')

    def test_help(self):
        for option in '--help', '--version':
            done = self.run_it(option)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertIn('idunno-dataset', done.stdout)


if __name__ == '__main__':
    unittest.main(verbosity=2)
