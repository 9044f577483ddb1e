"""A cluster whose nodes each have a network namespace of their own, and partitions between them.

Every node has a veth into one bridge; a partition is a set of nft rules that drop, at the receiving
node, what comes from another. All of it is made and removed here.
"""
import os
import shutil
import subprocess

from cluster import Cluster, PORTS


def problem():
    """Why namespaces cannot be had here, or None."""
    if os.geteuid() != 0:
        return 'partitions need root (network namespaces): skipped'
    missing = [name for name in ('ip', 'nft') if shutil.which(name) is None]
    if missing:
        return f'partitions need {" and ".join(missing)}: skipped'
    name = f'idn-{os.getpid()}-try'
    done = subprocess.run(['ip', 'netns', 'add', name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f'no network namespace can be made here ({done.stderr.strip()}): skipped'
    rules = subprocess.run(['ip', 'netns', 'exec', name, 'nft', 'add table inet idn'],
                           capture_output=True, text=True, check=False)
    subprocess.run(['ip', 'netns', 'del', name], check=True)
    if rules.returncode != 0:
        return f'nft does not work in a namespace here ({rules.stderr.strip()}): skipped'
    return None


class Nets:
    """Namespaces 'a', 'b', 'client' and one a worker (its instance), all on one bridge."""

    def __init__(self, workers):
        self.tag = f'idn{os.getpid()}'
        self.address = {'a': '10.231.0.1', 'b': '10.231.0.2', 'client': '10.231.0.9'}
        self.address.update({i: f'10.231.0.{10 + i}' for i in range(workers)})
        try:
            self.make()
        except BaseException:
            self.remove()
            raise

    def space(self, node):
        return f'{self.tag}-{node}'

    @staticmethod
    def do(*words):
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f'{words}: {done.stderr.strip()}')

    def inside(self, node):
        return ['ip', 'netns', 'exec', self.space(node)]

    def make(self):
        hub = self.space('hub')
        self.do('ip', 'netns', 'add', hub)
        self.do('ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge')
        self.do('ip', '-n', hub, 'link', 'set', 'bridge', 'up')
        for i, (node, address) in enumerate(self.address.items()):
            space = self.space(node)
            self.do('ip', 'netns', 'add', space)
            self.do('ip', '-n', space, 'link', 'add', 'net', 'type', 'veth', 'peer', 'name', f'p{i}',
                    'netns', hub)
            self.do('ip', '-n', hub, 'link', 'set', f'p{i}', 'master', 'bridge', 'up')
            self.do('ip', '-n', space, 'address', 'add', f'{address}/24', 'dev', 'net')
            self.do('ip', '-n', space, 'link', 'set', 'net', 'up')
            self.do('ip', '-n', space, 'link', 'set', 'lo', 'up')
            self.do(*self.inside(node), 'nft', 'add table inet idn; add chain inet idn in '
                    '{ type filter hook input priority 0; }')

    def remove(self):
        for node in [*self.address, 'hub']:
            subprocess.run(['ip', 'netns', 'del', self.space(node)], capture_output=True, check=False)

    def drop(self, receiver, sender):
        self.do(*self.inside(receiver), 'nft',
                f'add rule inet idn in ip saddr {self.address[sender]} drop')

    def cut(self, some, others):
        """Nothing passes between the two groups of nodes any more."""
        for one in some:
            for other in others:
                self.drop(one, other)
                self.drop(other, one)

    def heal(self):
        for node in self.address:
            self.do(*self.inside(node), 'nft', 'flush chain inet idn in')


class NetCluster(Cluster):
    """A cluster over such namespaces; self.nets cuts and heals."""

    def __init__(self, workers, **options):
        self.nets = Nets(workers)
        try:
            super().__init__(brokers=2, broker_keys=['    security = none'], **options)
        except BaseException:
            self.nets.remove()
            raise
        self.hosts = (self.nets.address['a'], self.nets.address['b'])
        self.ports = dict(zip(PORTS, range(5570, 5575)))
        self.prefix = {node: self.nets.inside(node) for node in self.nets.address}
        self.write_config()

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.nets.remove()
