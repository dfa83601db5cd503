"""A process that serves S3 on loopback, by moto, until its standard input ends.

It prints its port. In a process of its own, because moto and what it brings along warn.
An argument is the port to take; 0 or none for any.
"""

from __future__ import annotations

import os
import sys

from moto.server import ThreadedMotoServer


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()
    os._exit(0)  # its threads would take a second to end


if __name__ == "__main__":
    main()
