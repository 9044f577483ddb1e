#!/usr/bin/env python3
"""What people type at idunno-infer: each mistake gets one sentence that names it and status 2 (wrong
usage) or 1 (a file); a selftest prints a line an image, and a full disk does not pass for success.

usage: test_command_line.py IDUNNO_INFER IDUNNO_WEIGHTS TINY_CFG
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

INFER, WEIGHTS, CFG = sys.argv[1:4]
PHOTO = pathlib.Path('/usr/share/darknet/data/dog.jpg')

USAGE = (
    ([], 'either --socket FD', '--selftest CFG WEIGHTS LIST'),
    (['--socket', '3', '--selftest'], 'either --socket FD'),
    (['--socket', 'three'], '--socket "three" is not a whole number'),
    (['--socket', '3', 'a.cfg'], 'no files are given'),
    (['--selftest', 'a.cfg'], 'three files'),
    (['--selftest', '--threads', '257', 'a', 'b', 'c'], '"257"', 'from 0 to 256'),
    (['--selftest', '--slice', '0', 'a', 'b', 'c'], '"0"', 'from 1 to 64'),
    (['--selftest', '--engine', 'onednm', 'a', 'b', 'c'], '"onednm"', 'darknet, onednn, replay'),
    (['--selftest', '--decode', 'slow', 'a', 'b', 'c'], 'exact or fast, not "slow"'),
    (['--selftest', '--algorithm', 'fft', 'a', 'b', 'c'], '"fft"', 'auto, direct'),
    (['--socket', '3', '--top5'], '--top5', 'of --selftest only'),
    (['--selftest', '--compare', 'darknet', '--top5', 'a', 'b', 'c'], 'leave', '--top5 away'),
    (['--selftest', '--thraeds', '2'], 'unknown option --thraeds'),
    (['--threads'], '--threads needs a value'),
)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.list = self.file('photos.list', f'{PHOTO}\n/nothing.jpg\n')
        self.weights = pathlib.Path(self.folder.name) / 'tiny.weights'
        subprocess.run([WEIGHTS, 'synth', '--cfg', CFG, '--output', self.weights], check=True,
                       stdout=subprocess.DEVNULL)

    def file(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.write_text(text)
        return path

    def infer(self, *arguments, **options):
        return subprocess.run([INFER, *arguments], stderr=subprocess.PIPE, text=True, timeout=60,
                              check=False, **options)

    def refused(self, arguments, status, *parts):
        done = self.infer(*arguments, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in ('idunno-infer: ', *parts):
            self.assertIn(part, done.stderr)

    def test_usage(self):
        for arguments, *parts in USAGE:
            with self.subTest(arguments):
                self.refused(arguments, 2, *parts)

    def test_files(self):
        for arguments, part in (
                (('/none.cfg', self.weights, self.list), '/none.cfg'),
                ((CFG, '/none.weights', self.list), '/none.weights'),
                ((CFG, self.weights, '/none.list'), '/none.list'),
                ((CFG, CFG, self.list), str(CFG)),
                (('--labels', '/none.names', CFG, self.weights, self.list), '/none.names'),
                (('--labels', '/tmp', CFG, self.weights, self.list), '/tmp: Is a directory'),
        ):
            with self.subTest(part):
                self.refused(('--selftest', '--threads', '1', *arguments), 1, part)

    def test_not_a_socket(self):
        self.refused(('--socket', '99'), 1, 'cannot answer the agent: Bad file descriptor')

    def test_a_line_an_image(self):
        done = self.infer('--selftest', '--threads', '2', CFG, self.weights, self.list,
                          stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        first, second = done.stdout.splitlines()
        self.assertRegex(first, rf'^{PHOTO}\tok\t\d+:0\.\d+$')
        self.assertEqual(second, '/nothing.jpg\tmissing')
        self.assertRegex(done.stderr, r'^2 images in .* images/s, .* 2 threads\)\n$')

    def test_a_full_disk_is_no_success(self):
        many = self.file('many.list', '/nothing.jpg\n' * 5000)  # more than one write
        for more in ((), ('--compare', 'darknet')):
            with open('/dev/full', 'w', encoding='ascii') as full:
                done = self.infer('--selftest', '--threads', '1', *more, CFG, self.weights, many,
                                  stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertIn('idunno-infer: cannot write the output', done.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
