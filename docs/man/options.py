# SPDX-License-Identifier: BSD-3-Clause
"""Puts the table of options into a manual page: options.py WIDESPAN TEMPLATE RESULT."""
import pathlib
import subprocess
import sys

widespan, template, result = sys.argv[1:]
table = subprocess.run([widespan, 'info', '--options-man'], check=True, capture_output=True,
                       text=True).stdout
text = pathlib.Path(template).read_text()
pathlib.Path(result).write_text(text.replace('@OPTIONS@\n', table))
