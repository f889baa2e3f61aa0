"""Chromium without a window, over the pipe of its DevTools: opens a page, evaluates scripts in it, notes every request and error,
takes pictures. Needs nothing but the browser.
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome", "headless_shell"]


def found():
    """The browser, or None. `CHROMIUM` names one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page in a browser of its own that no network answers."""

    def __init__(self, browser):
        self.folder = tempfile.TemporaryDirectory()
        # The browser reads commands from descriptor 3 and writes to 4.
        commands, self.write = os.pipe()
        self.read, answers = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
                 "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={self.folder.name}", "about:blank"]
        # The shell puts the descriptors where the browser looks for them; they may have these very numbers now.
        line = f'exec 8<&{commands} 9>&{answers}; exec 3<&8 4>&9 8<&- 9>&-; exec "$0" "$@"'
        self.process = subprocess.Popen(["bash", "-c", line, browser, *flags], pass_fds=[commands, answers],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self.number, self.buffer = 0, b""
        # Addresses asked for, and what went wrong in scripts.
        self.requests, self.errors = [], []
        self.session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.send(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.read)
        os.close(self.write)
        for _ in range(50):
            try:
                self.folder.cleanup()
                return
            except OSError:  # its children still write
                time.sleep(0.1)

    def send(self, method, patience=60, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.put(message)
        until = time.monotonic() + patience
        while True:
            answer = self.next(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def put(self, message):
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self.write, left):]

    def next(self, until):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0, until - time.monotonic()))
            piece = os.read(self.read, 1 << 20) if ready else b""
            if not piece:
                raise RuntimeError("the browser does not answer")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        if message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        return message

    def open(self, address):
        self.send("Page.navigate", url=address)

    def evaluate(self, script, patience=60):
        """The value of a script, awaited."""
        given = self.send("Runtime.evaluate", patience, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in given:
            details = given["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return given["result"].get("value")

    def wait(self, script, patience=60):
        """Until a script is true."""
        until = time.monotonic() + patience
        while not self.evaluate(script):
            if time.monotonic() > until:
                raise RuntimeError(f"never true: {script}")
            time.sleep(0.02)

    def picture(self, path, width, height, dark=False):
        self.shape(width, height, dark)
        time.sleep(0.3)
        shot = self.send("Page.captureScreenshot", format="png")
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def shape(self, width, height, dark=False):
        mobile = width < 600
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
