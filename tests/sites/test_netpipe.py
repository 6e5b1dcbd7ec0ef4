# SPDX-License-Identifier: BSD-3-Clause
"""NetPIPE as its packagers built it, over two sites, in each of its modes, up to 16 MiB: `quick` with
few sizes (no perturbation) and repeats, `full` with all, as often as it finds fit to measure."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'support'))
import jobs

LARGEST = 16777216


def netpipe(*options):
    def run():
        program = jobs.need_program('NPopenmpi')
        with tempfile.TemporaryDirectory() as folder:
            result = jobs.run(jobs.widespan('run', '-n', 2, '--sites', 2, program, '-u', LARGEST,
                                            *options), 280, cwd=folder).must_pass()
            measured = pathlib.Path(folder, 'np.out')
            text = result.out + result.err
            jobs.expect('Integrity' not in text or 'FAILED' not in text, result.describe())
            if '-i' not in options:
                last = int(measured.read_text().split('\n')[-2].split()[0])
                jobs.expect(last >= LARGEST, f'the last size measured is {last}')
    return run


MODES = {
    'alone': [],
    'preposted': ['-a'],
    'any_source': ['-z'],
    'streaming': ['-s'],
    'synchronous': ['-S'],
    'integrity': ['-i'],
}

jobs.main({f'quick_{mode}': netpipe(*options, '-p', 0, '-n', 10) for mode, options in MODES.items()} |
          {f'full_{mode}': netpipe(*options) for mode, options in MODES.items()})
