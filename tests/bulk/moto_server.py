"""A process that serves S3 on loopback, by moto, until its standard input ends.

It prints its port. In a process of its own, because moto and what it brings along warn.
"""

from __future__ import annotations

import os
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def main() -> None:
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)
    sys.stdin.read()
    os._exit(0)  # its threads would take a second to end


if __name__ == "__main__":
    main()
