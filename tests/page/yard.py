"""A daemon of its own for the tests of the page: real, on a port of its own, with two users. And a way to ask it beside the page."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from driver import free_port, wait

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOBYARD = os.path.join(ROOT, "target/debug/jobyard")
# An administrator, and somebody who has jobs of their own only.
ADA, BEN = ("ada", "the password of ada"), ("ben", "the password of ben")
NODES = [("n1", 4, "old"), ("n2", 4, "old"), ("n3", 8, "new")]
DAEMON_WAIT_S = 30


class Socket(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path):
        super().__init__("daemon", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Yard:
    def __init__(self):
        # Paths of sockets are short.
        self.folder = tempfile.mkdtemp(prefix="jy-", dir="/tmp")
        # Tasks of users who have no account run as a guest, where the daemon is root's.
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.process = None
        with open(self.config(), "w") as file:
            file.write(f'data = "{self.data}"\ncache = "{self.folder}/code"\n[http]\nlisten = "127.0.0.1:{self.port}"\n[tasks]\nroot = true\n')
            for name, cores, group in NODES:
                file.write(f'[[node]]\nname = "{name}"\ncores = {cores}\ngroups = ["{group}"]\n')
        self.start()
        self.url = self.open_door()

    def config(self):
        return os.path.join(self.folder, "jobyard.toml")

    def start(self):
        with open(os.path.join(self.folder, "log"), "a") as log:
            self.process = subprocess.Popen([JOBYARD, "serve", "--config", self.config()], stdout=log, stderr=log)
        wait("the daemon", self.is_there)

    def is_there(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log")) as log:
                raise AssertionError(f"the daemon has ended: {log.read()[-2000:]}")
        try:
            nodes = self.ask("GET", "/nodes")["nodes"]
        except OSError:
            return False
        return len(nodes) == len(NODES) and all(node["reachable"] for node in nodes)

    def open_door(self):
        """Users, and where the page is."""
        for (name, password), role in ((ADA, "Administrator"), (BEN, "User")):
            words = [JOBYARD, "user", "add", name, "--role", role, "--password-stdin", "--data", self.data]
            subprocess.run(words, input=password + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
        return f"https://127.0.0.1:{self.port}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=DAEMON_WAIT_S)

    def close(self):
        """Ends the daemon, and what runs on its nodes: their processes outlive it."""
        try:
            self.stop()
        finally:
            for folder, _, files in os.walk(self.data):
                for name in files:
                    if name == "lock":
                        end(os.path.join(folder, name))
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None):
        connection = Socket(os.path.join(self.data, "jobyard.sock"))
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, "/api/v1" + path, text, {"content-type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {said.decode()}")
        return json.loads(said) if said else None

    def submit(self, command, **job):
        """The number of a new job of one task."""
        job = {"cores": "1", "task": [{"command": command}], **job}
        return self.ask("POST", "/jobs?submit=true", job)["id"]

    def submit_all(self, jobs):
        answers = self.ask("POST", "/jobs?submit=true", jobs)["answers"]
        assert all(answer["id"] for answer in answers), answers[0]
        return [answer["id"] for answer in answers]


def end(lock):
    """The process of a node, whose lock file has its number."""
    try:
        with open(lock) as file:
            pid = int(file.read().split()[0])
        with open(f"/proc/{pid}/comm") as file:
            if "jobyard" in file.read():
                os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError, IndexError):
        pass
