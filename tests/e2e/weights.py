#!/usr/bin/env python3
"""idunno-weights from outside: check, synth, and fetch against a small HTTP server on loopback.

usage: weights.py IDUNNO_WEIGHTS [TEST ...]
"""
import hashlib
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
NETWORK = '[net]\nheight=8\nwidth=8\nchannels=3\n[connected]\noutput=4\nactivation=linear\n[softmax]\n'
BYTES = 20 + 4 * (8 * 8 * 3 * 4 + 4)
BODY = (b'\0\0\0\0\2\0\0\0' + b'\0' * 12 + bytes(range(256)) * 13)[:BYTES]
DIGEST = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; /stuck sends half and waits until the test lets go."""
    half_sent = threading.Event()
    let_go = threading.Event()

    def do_GET(self):
        body = {'/good': BODY, '/stuck': BODY, '/short': BODY[:-1], '/long': BODY + b'x' * 100000,
                '/other': BODY[:-1] + b'\7', '/cut': BODY}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        try:
            if self.path in ('/stuck', '/cut'):
                self.wfile.write(body[:1000])
                self.wfile.flush()
                if self.path == '/stuck':
                    Handler.half_sent.set()
                    Handler.let_go.wait(60)
                return
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *arguments):
        pass


class Weights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='idunno-test-weights-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / 'n.cfg').write_text(NETWORK)
        Handler.half_sent.clear()
        Handler.let_go.clear()
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def url(self, path):
        return f'http://127.0.0.1:{self.server.server_address[1]}{path}'

    def configure(self, path='/good', digest=DIGEST, more=''):
        lines = ['models', '    tiny', '        cfg = n.cfg', f'        url = "{self.url(path)}"']
        if digest:
            lines.append(f'        sha256 = {digest}')
        (self.folder / 'idunno.conf').write_text('\n'.join(lines) + '\n' + more)

    def command(self, *arguments):
        return [PROGRAM, '--config', str(self.folder / 'idunno.conf'), *arguments]

    def environment(self, **changes):
        clean = {k: v for k, v in os.environ.items()
                 if not k.lower().endswith('_proxy') and k != 'IDUNNO_WEIGHTS'}
        return {**clean, **changes}

    def run_it(self, *arguments, **changes):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60,
                              env=self.environment(**changes), check=False)

    def refused(self, status, sentence, *arguments, **changes):
        done = self.run_it(*arguments, **changes)
        self.assertEqual((done.returncode, done.stdout), (status, ''), done.stderr)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stderr.count('\n'), 1, done.stderr)

    def weights(self):
        folder = self.folder / 'weights'
        return sorted(p.name for p in folder.iterdir()) if folder.exists() else []

    def test_fetch(self):
        self.configure()
        done = self.run_it('fetch', 'tiny')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / 'weights/tiny.weights').read_bytes(), BODY)
        self.assertEqual(self.weights(), ['tiny.weights'])
        self.assertEqual(self.run_it('check', 'tiny').returncode, 0)
        self.assertIn('is already there', self.run_it('fetch', 'tiny').stdout)

    def test_fetch_refusals(self):
        for path, sentence in {
                '/none': 'The requested URL returned error: 404',
                '/short': f'has {BYTES - 1} bytes instead of {BYTES}; nothing was kept',
                '/long': f'has more than the expected {BYTES} bytes; nothing was kept',
                '/other': f'instead of {DIGEST}; nothing was kept',
                '/cut': 'cannot fetch http://127.0.0.1:'}.items():
            with self.subTest(path):
                self.configure(path)
                self.refused(1, sentence, 'fetch', 'tiny')
                self.assertEqual(self.weights(), [])

    def test_fetch_keeps_what_was_there(self):
        self.configure('/other')
        (self.folder / 'weights').mkdir()
        (self.folder / 'weights/tiny.weights').write_bytes(b'old')
        self.refused(1, 'nothing was kept', 'fetch', 'tiny')
        self.assertEqual((self.folder / 'weights/tiny.weights').read_bytes(), b'old')
        self.assertEqual(self.weights(), ['tiny.weights'])

    def test_fetch_without_what_it_needs(self):
        self.configure(digest=None)
        self.refused(1, "no sha256 for model 'tiny'", 'fetch', 'tiny')
        self.refused(1, "no url for model 'alexnet'", 'fetch', 'alexnet')
        self.refused(1, "there is no model 'tinny'; the nearest is 'tiny'", 'fetch', 'tinny')
        self.configure(more='        size = 10\n')
        self.refused(1, f'have {BYTES} bytes', 'fetch', 'tiny')
        self.configure()
        self.refused(1, 'the program curl is not installed', 'fetch', 'tiny', PATH='/nonexistent')
        self.refused(2, "--timeout 'soon' is not a whole number", 'fetch', 'tiny', '--timeout', 'soon')
        self.refused(2, 'fetch needs the name of one model', 'fetch')

    def test_fetch_without_a_server(self):
        self.configure()
        self.server.shutdown()
        self.server.server_close()
        self.refused(1, 'Failed to connect to 127.0.0.1', 'fetch', 'tiny')
        self.assertEqual(self.weights(), [])

    def test_fetch_with_a_name_for_a_shell(self):
        self.configure(f'/$(touch {self.folder}/PWNED);`touch {self.folder}/PWNED`')
        self.assertEqual(self.run_it('fetch', 'tiny').returncode, 1)
        self.assertFalse((self.folder / 'PWNED').exists())

    def test_fetch_interrupted(self):
        self.configure('/stuck')
        with subprocess.Popen(['nohup', *self.command('fetch', 'tiny')], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=self.environment()) as fetch:
            self.assertTrue(Handler.half_sent.wait(30))
            self.assertEqual(len(self.weights()), 1)  # the temporary file
            status = pathlib.Path(f'/proc/{fetch.pid}/status').read_text(encoding='utf-8')
            ignored = int(re.search(r'SigIgn:\s*(\w+)', status)[1], 16)
            self.assertTrue(ignored >> signal.SIGHUP - 1 & 1)  # as nohup means it
            fetch.send_signal(signal.SIGTERM)
            self.assertEqual(fetch.wait(30), -signal.SIGTERM)
        Handler.let_go.set()
        self.assertEqual(self.weights(), [])

    def test_fetch_takes_too_long(self):
        self.configure('/stuck')
        self.refused(1, 'timed out', 'fetch', 'tiny', '--timeout', '1')
        Handler.let_go.set()
        self.assertEqual(self.weights(), [])

    def test_synth(self):
        self.configure()
        done = self.run_it('synth', 'tiny', '--seed', '7')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('what they answer means nothing', done.stdout)
        first = (self.folder / 'weights/tiny.weights').read_bytes()
        self.refused(1, 'may be trained weights; remove it first', 'synth', 'tiny')
        cfg, other = str(self.folder / 'n.cfg'), self.folder / 'o.weights'
        done = self.run_it('synth', '--cfg', cfg, '--output', str(other), '--seed', '7')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(other.read_bytes(), first)
        self.refused(2, "--seed '-1' is not a whole number", 'synth', 'tiny', '--seed=-1')
        self.refused(2, 'needs --output FILE', 'synth', '--cfg', cfg)
        self.refused(1, 'cannot read the network', 'synth', '--cfg', '/no/n.cfg', '--output', 'x')

    def test_check(self):
        self.configure()
        (self.folder / 'weights').mkdir()
        (self.folder / 'weights/tiny.weights').write_bytes(BODY[:-5])
        done = self.run_it('check', 'tiny')
        self.assertEqual(done.returncode, 1)
        self.assertIn(f'have {BYTES - 5} bytes, but this network needs exactly {BYTES}', done.stdout)
        (self.folder / 'weights/tiny.weights').write_bytes(BODY[:-1] + b'\7')
        self.assertIn(f'but the configuration states {DIGEST[:16]}', self.run_it('check').stdout)
        (self.folder / 'weights/tiny.weights').write_bytes(BODY)
        rows = {row['model']: row for row in json.loads(self.run_it('check', '--json').stdout)}
        self.assertEqual(sorted(rows), ['alexnet', 'resnet18', 'tiny'])
        self.assertTrue(rows['tiny']['ok'])
        self.assertEqual(rows['tiny']['expected'], BYTES)
        self.assertEqual(rows['alexnet']['expected'], 249513396)
        self.assertIsNone(rows['alexnet']['found'])
        self.assertFalse(rows['alexnet']['ok'])

    def test_json_of_odd_paths(self):
        odd = self.folder.as_posix().encode() + b'/n\xff"\\.cfg'
        with open(odd, 'w') as file:
            file.write(NETWORK)
        (self.folder / 'idunno.conf').write_bytes(b"models\n    tiny\n        cfg = '" + odd + b"'\n")
        done = subprocess.run(self.command('check', 'tiny', '--json'), capture_output=True,
                              timeout=60, env=self.environment(), check=False)
        row, = json.loads(done.stdout)
        self.assertTrue(row['cfg'].endswith('/n\ufffd"\\.cfg'), row)
        self.assertEqual(row['expected'], BYTES)

    def test_output_that_cannot_be_written(self):
        self.configure()
        for arguments in ['check'], ['--help']:
            with open('/dev/full', 'w', encoding='utf-8') as full:
                done = subprocess.run(self.command(*arguments), stdout=full, timeout=60, text=True,
                                      stderr=subprocess.PIPE, env=self.environment(), check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn('cannot write the output: No space left on device', done.stderr)

    def test_usage(self):
        self.configure()
        self.refused(2, "unknown command 'chek', nearest is check", 'chek')
        self.refused(2, 'a command is missing')
        self.refused(2, 'unknown option --jsn; the nearest is --json', '--jsn')
        self.refused(2, 'not for check', 'check', '--seed', '1')
        (self.folder / 'idunno.conf').write_text('modles\n')
        self.refused(1, "unknown section 'modles'; the nearest is 'models'", 'check')
        for option in '--help', '--version':
            done = self.run_it(option)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertIn('idunno-weights', done.stdout)


if __name__ == '__main__':
    unittest.main(verbosity=2)
