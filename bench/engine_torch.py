#!/usr/bin/env python3
"""The peer of bench/engine.py: the same layer shapes in PyTorch, eager and traced and optimised for
inference. Builds the network from a darknet cfg with convolutional, maxpool, avgpool, connected,
shortcut, dropout and softmax layers. Prints lines as bench-engine does.

usage: engine_torch.py CFG THREADS REPEATS BATCH...
"""
import re
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional


def read_cfg(path):
    sections = []
    for line in open(path, encoding='utf-8'):
        line = line.split('#')[0].strip()
        if line.startswith('['):
            sections.append((line[1:-1], {}))
        elif '=' in line:
            key, value = (part.strip() for part in line.split('=', 1))
            sections[-1][1].setdefault(key, value)
    return sections


def activation(name):
    return {'relu': nn.ReLU(inplace=True), 'leaky': nn.LeakyReLU(0.1, inplace=True),
            'linear': nn.Identity()}[name]


class Net(nn.Module):
    def __init__(self, sections):
        super().__init__()
        head = sections[0][1]
        self.shape = tuple(int(head[key]) for key in ('channels', 'height', 'width'))
        self.steps, self.plan, self.flop = nn.ModuleList(), [], 0
        shape, shapes = self.shape, []
        for kind, keys in sections[1:]:
            shape = getattr(self, 'add_' + kind)(keys, shape, shapes)
            shapes.append(shape)

    def add(self, kind, module, extra=None):
        self.steps.append(module)
        self.plan.append((kind, extra))

    def add_convolutional(self, keys, shape, _):
        size, stride = int(keys['size']), int(keys.get('stride', 1))
        pad = size // 2 if int(keys.get('pad', 0)) else int(keys.get('padding', 0))
        filters, normed = int(keys['filters']), int(keys.get('batch_normalize', 0))
        layers = [nn.Conv2d(shape[0], filters, size, stride, pad, bias=not normed)]
        if normed:
            layers.append(nn.BatchNorm2d(filters))
        self.add('call', nn.Sequential(*layers, activation(keys.get('activation', 'logistic'))))
        h, w = ((side + 2 * pad - size) // stride + 1 for side in shape[1:])
        self.flop += 2 * size * size * shape[0] * filters * h * w
        return filters, h, w

    def add_connected(self, keys, shape, _):
        inputs, outputs = shape[0] * shape[1] * shape[2], int(keys['output'])
        self.add('call', nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs),
                                       activation(keys.get('activation', 'logistic'))))
        self.flop += 2 * inputs * outputs
        return outputs, 1, 1

    def add_maxpool(self, keys, shape, _):
        size, stride = int(keys['size']), int(keys['stride'])
        pad = int(keys.get('padding', size - 1))
        self.add('maxpool', nn.Identity(), (size, stride, pad // 2, pad - pad // 2))
        return (shape[0], *((side + pad - size) // stride + 1 for side in shape[1:]))

    def add_avgpool(self, _keys, shape, _):
        self.add('call', nn.AdaptiveAvgPool2d(1))
        return shape[0], 1, 1

    def add_shortcut(self, keys, shape, shapes):
        source = int(keys['from'])
        source += len(shapes) if source < 0 else 0
        stride = max(1, shapes[source][1] // shape[1])
        self.add('shortcut', activation(keys['activation']), (source, stride))
        return shape

    def add_dropout(self, _keys, shape, _):
        self.add('call', nn.Identity())
        return shape

    def add_softmax(self, _keys, shape, _):
        self.add('call', nn.Sequential(nn.Flatten(), nn.Softmax(1)))
        return shape

    def forward(self, x):
        outputs = []
        for (kind, extra), step in zip(self.plan, self.steps):
            if kind == 'shortcut':
                source, stride = extra
                other = outputs[source][:, :, ::stride, ::stride]
                missing = x.shape[1] - other.shape[1]
                x = step(x + (functional.pad(other, (0, 0, 0, 0, 0, missing)) if missing
                              else other))
            elif kind == 'maxpool':
                size, stride, before, after = extra
                if before or after:
                    x = functional.pad(x, (before, after, before, after), value=-3.4e38)
                x = functional.max_pool2d(x, size, stride)
            else:
                x = step(x)
            outputs.append(x)
        return x


def resident_kib():
    return int(open('/proc/self/statm', encoding='ascii').read().split()[1]) * 4


def measure(module, net, algorithm, threads, batch, repeats):
    pixels = torch.rand(batch, *net.shape)
    wall, cpu = [], []
    for _ in range(3):
        module(pixels)
    for _ in range(repeats):
        wall_from, cpu_from = time.monotonic(), time.process_time()
        module(pixels)
        wall.append((time.monotonic() - wall_from) * 1e3 / batch)
        cpu.append((time.process_time() - cpu_from) * 1e3 / batch)
    wall_ms, cpu_ms = statistics.median(wall), statistics.median(cpu)
    print(f'algorithm={algorithm} threads={threads} batch={batch} wall_ms={wall_ms:.4f} '
          f'cpu_ms={cpu_ms:.4f} gflops={net.flop / wall_ms / 1e6:.2f} '
          f'cpu_gflops={net.flop / cpu_ms / 1e6:.2f} resident_kib={resident_kib()}', flush=True)


def main():
    cfg, threads, repeats, *batches = sys.argv[1:]
    assert re.fullmatch(r'[1-9]\d*', threads), threads
    torch.set_num_threads(int(threads))
    net = Net(read_cfg(cfg)).eval()
    with torch.no_grad():
        for batch in map(int, batches):
            measure(net, net, 'eager', threads, batch, int(repeats))
            traced = torch.jit.trace(net, torch.rand(batch, *net.shape))
            traced = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            measure(traced, net, 'traced', threads, batch, int(repeats))


if __name__ == '__main__':
    main()
