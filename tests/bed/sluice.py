# SPDX-License-Identifier: Apache-2.0
"""Sluice's two processes on the bed, and what `sluicectl` says about them."""
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess

from bed import GATEWAY_CPU, OTHER_CPU, OUTSIDE_IP, ROOT, BedError, ProcessDied, run, wait_for

DEMO_HOST = "api.shop.example"


class CtlError(BedError):
    """sluicectl said no; .status is its exit status, the text its output."""

    def __init__(self, argv, done):
        super().__init__(f"sluicectl {' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        self.status = done.returncode
        self.output = done.stdout + done.stderr


def make_certificate(directory, name, host=DEMO_HOST, days=30):
    """A self-signed P-256 certificate for @host as NAME.pem and NAME.key. @return path of the first"""
    os.makedirs(directory, exist_ok=True)
    pem, key = (os.path.join(directory, f"{name}.{end}") for end in ("pem", "key"))
    # Into place at once: a reader never sees half a file.
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", str(days), "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
        "-keyout", key + ".new", "-out", pem + ".new"])
    os.rename(key + ".new", key)
    os.rename(pem + ".new", pem)
    return pem


def key_digest(key):
    """What a configuration holds instead of the key itself."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(pem):
    return run(["openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha256"]).stdout.strip()


class Sluice:
    """Dataplane and control, started, stopped and asked on a bed."""

    def __init__(self, bed, build=None, log_level="notice", hugepages=True, access_log=True):
        self.bed = bed
        self.build = build or os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build"))
        self.log_level = log_level
        self.dir = bed.path("sluice")
        os.makedirs(self.dir, exist_ok=True)
        self.config = os.path.join(self.dir, "sluice.conf")
        self.socket = os.path.join(self.dir, "dataplane.sock")
        self.control_socket = os.path.join(self.dir, "control.sock")
        self.access_log = os.path.join(self.dir, "access.log") if access_log else None
        self.preload = None  # a library of the build for the dataplane, "tests/bed/channels.so"
        self.eal = []  # more arguments of the EAL's
        self.run_as = "nobody"
        self.dataplane_options = []
        self.no_huge = bed.reserve_hugepages() if hugepages else "not asked for"

    def program(self, name):
        folder = "dataplane" if name == "sluice-dataplane" else "control"
        path = os.path.join(self.build, folder, name)
        if not os.access(path, os.X_OK):
            raise BedError(f"{path}: not built")
        return path

    # Configuration.

    def use_config(self, path):
        """Copy a configuration file of the tree and make the certificate that it names beside it."""
        shutil.copy(path, self.config)
        make_certificate(os.path.join(self.dir, "tls"), "demo")

    def write_config(self, text):
        with open(self.config + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(self.config + ".new", self.config)

    @property
    def certificate(self):
        return os.path.join(self.dir, "tls", "demo.pem")

    # Processes.

    def start_dataplane(self):
        env = {
            # DPDK keeps its runtime files there: they go with the run.
            "RUNTIME_DIRECTORY": self.bed.dir,
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            **({"LD_PRELOAD": os.path.join(self.build, self.preload)} if self.preload else {}),
        }
        self.bed.spawn("dataplane", "gw", self.program("sluice-dataplane"), "--socket", self.socket,
            "--file-prefix", os.path.basename(self.bed.dir), *(["--no-huge"] if self.no_huge else []),
            "--log-level", self.log_level, *(f"--eal={argument}" for argument in self.eal),
            *(["--run-as", self.run_as] if self.run_as else []), *self.dataplane_options, env=env)

        def listening():
            self.check_alive("dataplane")
            # A dataplane that gave root up leaves its socket behind: there must be a listener.
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
                probe.connect(self.socket)
            return True
        wait_for(listening, 30, "the dataplane's socket")

    def start_control(self):
        self.bed.spawn("control", "gw", self.program("sluice-control"), "--config", self.config,
            "--socket", self.socket, "--control-socket", self.control_socket,
            *(["--access-log", self.access_log] if self.access_log else []), cpu=OTHER_CPU,
            env={"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"})

    def start(self, seconds=60):
        """Both, and wait until the gateway answers on the wire."""
        self.start_dataplane()
        self.start_control()
        try:
            self.wait_serving(seconds)
        except BedError as e:
            logs = "".join(f"{name}:\n{self.bed.log_tail(name, 10)}" for name in ("control", "dataplane"))
            raise BedError(f"{e}\n{logs}") from e
        return self

    def stop(self):
        """End both. @return {name: exit status}"""
        return {name: self.bed.stop(name, signal.SIGTERM) for name in ("control", "dataplane")
            if name in self.bed.processes}

    def check_alive(self, *names):
        for name in names or ("dataplane", "control"):
            if not self.bed.alive(name):
                raise ProcessDied(f"sluice-{name} ended unexpectedly:\n{self.bed.log_tail(name, 40)}")

    def wait_serving(self, seconds=60):
        def answers():
            self.check_alive()
            sock = self.bed.connect("client", OUTSIDE_IP, 80, timeout=1)
            with sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: ready.invalid\r\nConnection: close\r\n\r\n")
                return sock.recv(16).startswith(b"HTTP/1.1 ")
        wait_for(answers, seconds, "an answer from the gateway on the wire", every=0.1)

    def wait_attached(self, seconds=20):
        """Until control holds the dataplane's segments, so that they outlive the dataplane."""
        def attached():
            self.check_alive()
            # Its exit status tells scripts that something is down; here the text counts.
            done = run(self.ctl_argv("status", "--json"), check=False, timeout=30)
            control = json.loads(done.stdout)["control"] if done.stdout else None
            return control and control["attached"]
        wait_for(attached, seconds, "control's word that it is attached", every=0.05)

    # sluicectl.

    def ctl_argv(self, *args):
        return [self.program("sluicectl"), "--socket", self.socket, "--control-socket",
            self.control_socket, *args]

    def ctl(self, *args, timeout=30):
        """@return its output; raises CtlError when it fails"""
        done = run(self.ctl_argv(*args), check=False, timeout=timeout)
        if done.returncode != 0:
            raise CtlError(args, done)
        return done.stdout

    def ctl_json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    def apply(self, text=None):
        if text is not None:
            self.write_config(text)
        return self.ctl("apply", self.config)

    def stats(self):
        return Stats(self.ctl_json("stats"))


class Stats:
    """One reading of `sluicectl stats --json`, counters added up over the workers. An unknown name is an
    error, so that a renamed counter shows in the test that reads it."""

    def __init__(self, tree):
        self.tree = tree

    def _named(self, section):
        return {item["name"]: item for item in self.tree[section]}

    def worker(self, name):
        """A counter of worker_counters.def."""
        return self.tree["totals"][name]

    def tcp(self, name):
        return self.tree["tcp"][name]

    def drop(self, name):
        return self.tree["drops"][name]

    def reason(self, name):
        return self.tree["reasons"][name]

    def consumers(self):
        """{name: {requests, admitted, limited, …}}"""
        return self._named("consumers")

    def apis(self):
        return self._named("apis")

    def endpoint(self, name):
        """The endpoint "address:port", whichever backend it belongs to."""
        for backend in self.tree["backends"]:
            for endpoint in backend["endpoints"]:
                if endpoint["name"] == name:
                    return endpoint
        raise KeyError(name)

    def busy_cycles(self, without=()):
        """Cycles of all stages but idle and those named."""
        return sum(n for stage, n in self.tree["stages"]["cycles"].items()
            if stage != "idle" and stage not in without)

    def tsc_hz(self):
        return self.tree["totals"]["tsc_hz"]
