#!/usr/bin/env python3
"""Bugs planted in copies of the product's sources, for the fuzz targets to find (tests/fuzz/meson.build).

usage: plants.py --list                    a line for each: its name, the target, the source
       plants.py NAME SOURCE_ROOT OUTPUT   the source with the bug

A copy's symbols come before those of the library that it is from. The text that a bug replaces must be there
exactly once, so that none dies quietly when the source moves on.
"""
import pathlib
import sys

# Name: the target, the source, its text, what stands there instead.
PLANTS = {
    'codec_rows': ('codec', 'proto/codec_field.c',
                   'if (!idn_result_unpack(row + (size_t)i * IDN_ROW_BYTES, &result)) {',
                   'if (!idn_result_unpack(row + (size_t)i * IDN_ROW_BYTES, &result) && i == 0) {'),
    'codec_mirror': ('codec', 'proto/codec_mirror.c', 'idn_check_range(check, "number"',
                     'if (check == NULL) idn_check_range(check, "number"'),
    'core_report': ('core', 'broker/core/reports.c', 'if (number != worker->folded + 1)',
                    'if (number > worker->folded + 1)'),
    'core_gap': ('core', 'broker/core/catchup.c', 'origin->sequence != here + 1 ||', ''),
    'child_string': ('child', 'worker/child_message.c', ' || strnlen(text, length + 1) != length', ''),
    'config_comment': ('config', 'base/config_lines.c', "memset(at, ' ', length);", '(void)at;'),
    'cfg_route': ('cfg', 'weights/cfg_section.c', 'value < (long long)index', 'value <= (long long)index'),
    'cfg_kernel': ('cfg', 'weights/cfg_hazards.c', 'layer->size == 1 && layer->pad > 0',
                   'layer->size == 1 && layer->pad > 1'),
    'image_exif': ('image', 'worker/infer/image_exif.c', 'if (at + size > tiff->size) {',
                   'if (at + size < at) {'),
    'query_span': ('query', 'client/query.c', 'last - first >= IDN_JOB_IMAGES_MAX',
                   'last - first > IDN_JOB_IMAGES_MAX'),
}


def main():
    if sys.argv[1:] == ['--list']:
        for name, (target, source, _, _) in PLANTS.items():
            print(name, target, source)
        return 0
    name, root, output = sys.argv[1:]
    _, source, before, after = PLANTS[name]
    text = (pathlib.Path(root) / source).read_text()
    if text.count(before) != 1:
        print(f'plants.py: {name}: {source} has its text {text.count(before)} times', file=sys.stderr)
        return 1
    pathlib.Path(output).write_text(f'#line 1 "{source}"\n' + text.replace(before, after))
    return 0


if __name__ == '__main__':
    sys.exit(main())
