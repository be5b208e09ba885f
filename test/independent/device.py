"""A second implementation of the device side of Tickpay, written from docs/protocol.md alone.

    device.py vectors DIR        runs every vector file
    device.py run --config FILE  is a device; commands on stdin, events on stdout, as JSON lines
"""

import argparse
import sys

sys.dont_write_bytecode = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest='verb', required=True)
    verbs.add_parser('vectors').add_argument('folder')
    verbs.add_parser('run').add_argument('--config', required=True)
    arguments = parser.parse_args()
    if arguments.verb == 'vectors':
        import vectors
        return 1 if vectors.run(arguments.folder) else 0
    import session
    return session.run(arguments.config)


if __name__ == '__main__':
    sys.exit(main())
