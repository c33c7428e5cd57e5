"""Runs `sam`, and has it pack quickly: what an emulator on this machine gets need not be small. (It packs
with zlib's default, which takes three times as long, and functions that are built for here are large.)"""

import sys
import zlib

from samcli.cli.main import cli

zlib.Z_DEFAULT_COMPRESSION = zlib.Z_BEST_SPEED
sys.argv[0] = "sam"
sys.exit(cli())
