"""A browser, driven by WebDriver: chromedriver is spoken to over HTTP, with nothing but Python's own library.

What it is not: a test. `run.py` has those; this knows how to find, press, type, and how to read what the browser complains of.
"""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

WAIT_S = 20
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# The names of keys that have no letter.
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Space": " ", "End": "\ue010"}
SHIFT = "\ue008"

OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--force-prefers-reduced-motion",
]


class Failed(AssertionError):
    """What was waited for did not come."""


class Browser:
    """One window of a browser that knows nothing yet."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="page-")
        port = free_port()
        driver = ["chromedriver", f"--port={port}", f"--log-path={self.folder}/driver.log"]
        self.process = subprocess.Popen(driver, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.root = f"http://127.0.0.1:{port}"
        self.session = ""
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": [*OPTIONS, f"--user-data-dir={self.folder}/profile"]},
            "goog:loggingPrefs": {"browser": "ALL"},
            "acceptInsecureCerts": True,
        }
        made = wait("chromedriver", lambda: self.try_begin(capabilities))
        self.session = f"/session/{made['sessionId']}"
        self.complaints = []

    def try_begin(self, capabilities):
        try:
            return self.ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        except (urllib.error.URLError, ConnectionError):
            return None

    def close(self):
        try:
            self.ask("DELETE", "", None)
        finally:
            self.process.terminate()
            self.process.wait(timeout=WAIT_S)
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + self.session + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            raise Failed(f"{path}: {said['error']}: {said['message'].splitlines()[0]}") from None

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def script(self, text, *arguments):
        """The value of a function's body in the page; a promise is waited for."""
        return self.ask("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def all(self, css, text=None):
        found = self.ask("POST", "/elements", {"using": "css selector", "value": css})
        if text is None:
            return found
        return [one for one in found if text in self.text_of(one)]

    def find(self, css, text=None):
        """The first element like that, that is shown; waited for."""
        def look():
            try:
                shown = [one for one in self.all(css, text) if self.is_shown(one)]
            except Failed:
                return None  # The page has changed under our eyes.
            return shown[0] if shown else None
        return wait(f"{css} {text or ''}", look)

    def text_of(self, element):
        return self.ask("GET", f"/element/{element[ELEMENT]}/text", None)

    def is_shown(self, element):
        return self.ask("GET", f"/element/{element[ELEMENT]}/displayed", None)

    def click(self, css, text=None):
        def press():
            try:
                # Not below the bar on top, where the driver may leave it.
                element = self.find(css, text)
                self.script("arguments[0].scrollIntoView({block: 'center'})", element)
                self.ask("POST", f"/element/{element[ELEMENT]}/click", {})
                return True
            except Failed:
                return None
        wait(f"to click {css} {text or ''}", press)

    def type(self, css, text):
        element = self.find(css)
        self.ask("POST", f"/element/{element[ELEMENT]}/clear", {})
        self.ask("POST", f"/element/{element[ELEMENT]}/value", {"text": text})

    def choose(self, css, value):
        self.find(css)
        self.script("const field = document.querySelector(arguments[0]); field.value = arguments[1]; field.dispatchEvent(new Event('change', {bubbles: true}))", css, value)

    def keys(self, *names):
        """Presses keys one after the other, wherever the focus is."""
        actions = []
        for name in names:
            value = KEYS.get(name, name)
            if name.startswith("Shift+"):
                value = KEYS.get(name[6:], name[6:])
                actions.append({"type": "keyDown", "value": SHIFT})
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
            if name.startswith("Shift+"):
                actions.append({"type": "keyUp", "value": SHIFT})
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def sees(self, css, text):
        """Waits until an element has this text."""
        self.find(css, text)

    def until(self, what, script, *arguments):
        return wait(what, lambda: self.script(script, *arguments))

    def cdp(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width, height, phone=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, file):
        data = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
        with open(file, "wb") as out:
            out.write(base64.b64decode(data))

    def complained(self):
        """What the browser has said on its console since the last time, errors and warnings."""
        lines = self.ask("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if line["level"] in ("SEVERE", "WARNING")]


def wait(what, look):
    """Waits until `look` has something."""
    end = time.monotonic() + WAIT_S
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"waited {WAIT_S} s for {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
