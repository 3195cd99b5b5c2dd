"""A server of a test's own, on free ports with a data directory of its own."""

import json
import os
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WHISPD = os.path.join(ROOT, os.environ.get("WHISPD", "build/release/whispd"))


class Server:
    """`api` and `management` are its URLs; `place` is a folder that goes with it."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="whisp-python-")
        self.process = subprocess.Popen(
            [WHISPD, "--data", os.path.join(self.place, "data"), "--listen", "127.0.0.1:0",
             "--management-listen", "127.0.0.1:0", "--log-format", "json"],
            stderr=subprocess.PIPE, encoding="utf-8")
        for line in self.process.stderr:
            ready = json.loads(line)
            if ready.get("event") == "ready":
                break
        else:
            raise RuntimeError(f"{WHISPD} ended with {self.process.wait()} before it was ready")
        # It keeps writing; nobody reads on, so it goes to a file that nobody needs.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)
        self.api, self.management = ready["api"], ready["management"]

    def stop(self):
        """Ends it, which must go well, and removes `place`."""
        self.process.terminate()
        status = self.process.wait(30)
        self.process.stderr.close()
        self.drain.wait(30)
        shutil.rmtree(self.place)
        if status != 0:
            raise RuntimeError(f"the server ended with {status}")
