#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sluice-control and sluicectl as processes, against a dataplane without packets (fake_dataplane.c).

    processes_test.py SLUICE-CONTROL SLUICECTL FAKE-DATAPLANE
"""
import fcntl
import grp
import hashlib
import json
import os
import pwd
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

CONTROL, CTL, FAKE = (os.path.abspath(p) for p in sys.argv[1:4])
KEY = "ak_live_" + "a" * 32
RING_RECORDS = 1024  # DELTA_RING_RECORDS of lib/shm/delta.h
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()

CONFIG = """version = 1;
dataplane: {{ workers = {workers}; ports = ( {{ name = "p"; device = "auto:eth0"; addresses = [ "10.0.0.1/24" ]; }} );
  {capacity} }};
listeners = ( {{ name = "web"; port = "p"; bind = "10.0.0.1:80"; }} );
backends = ( {{ name = "shop"; endpoints = (
    {{ address = "10.0.0.21:8080"; weight = {weight}; }}, {{ address = "10.0.0.22:8080"; weight = 3; }} ); }} );
credentials = ( {{ name = "key"; in = "header"; header = "X-API-Key"; pattern = "^ak_live_[a-z0-9]{{32}}$"; }} );
apis = ( {{ name = "orders"; auth = [ "key" ]; hosts = [ "api.example" ];
    routes = ( {{ path = "/v1/orders/*"; methods = [ "GET" ]; backend = "shop"; }} ); }} );
plans = (
  {{ name = "bronze"; apis = [ "orders" ]; limits = ( {{ rate = "{rate}"; burst = 5; }}, {{ quota = "10000/day"; }} ); }},
  {{ name = "gold"; apis = [ "orders" ]; limits = ( {{ rate = "1000/s"; burst = 10; }} ); }} );
consumers = ( {consumers} );
{more}
"""

ACME = '{ name = "acme"; plan = "%s"; keys = ( { id = "k1"; sha256 = "' + DIGEST + '"; } ); }'


def config(**changes):
    values = {"workers": 1, "weight": 5, "rate": "10/s", "capacity": "", "more": "", "consumers": ACME % "bronze"}
    values.update(changes)
    return CONFIG.format(**values)


def eventually(ready, what, seconds=20):
    end = time.monotonic() + seconds
    while True:
        last = ready()
        if last:
            return last
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Dataplane:
    def __init__(self, path, *readers):
        self.process = subprocess.Popen([FAKE, path, *readers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "listening\n"

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.control = self.dataplane = None
        self.write(config())

    def tearDown(self):
        for process in (self.control, self.dataplane.process if self.dataplane else None):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        if self.dataplane:
            self.dataplane.kill()
        if self.control:
            self.control.stderr.close()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, text):
        with open(self.path("s.conf"), "w", encoding="utf-8") as f:
            f.write(text)

    def start_dataplane(self):
        self.dataplane = Dataplane(self.path("d.sock"))

    def start_control(self, *options):
        self.control = subprocess.Popen([CONTROL, "--config", self.path("s.conf"), "--socket", self.path("d.sock"),
            "--control-socket", self.path("c.sock"), "--access-log", self.path("access.log"), *options],
            stderr=subprocess.PIPE, text=True)

    def stop_control(self, number=signal.SIGTERM):
        self.control.send_signal(number)
        code = self.control.wait(20)
        if number == signal.SIGTERM:
            self.assertEqual(code, 0)
        log = self.control.stderr.read()
        self.control.stderr.close()
        self.control = None
        return log

    def freeze_control(self):
        """Returns once it has stopped: a signal takes its time to another core."""
        self.control.send_signal(signal.SIGSTOP)
        with open(f"/proc/{self.control.pid}/stat", encoding="ascii") as stat:
            eventually(lambda: stat.seek(0) == 0 and stat.read().split()[2] == "T", "the stop")

    def start(self):
        self.start_dataplane()
        self.start_control()
        self.wait_generation(1)

    def ctl(self, *argv):
        return subprocess.run([CTL, *argv, "--socket", self.path("d.sock"), "--control-socket", self.path("c.sock")],
            capture_output=True, text=True, timeout=60, check=False)

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def generation(self):
        dataplane = self.status()["dataplane"]
        return dataplane["generation"] if dataplane else 0

    def wait_generation(self, n):
        eventually(lambda: self.generation() == n, f"generation {n}")

    def log_lines(self):
        with open(self.path("access.log"), encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.endswith("\n")]


class Apply(Case):
    def test_first_dataplane_then_control(self):
        self.start()
        status = self.status()
        self.assertEqual(status["control"]["state"], "applied")
        self.assertEqual(status["dataplane"]["state"], "running")

    def test_a_port_that_missteers_is_an_alarm(self):
        self.start()
        self.assertEqual(self.status()["dataplane"]["alarms"], [])
        self.assertNotIn("alarm", self.ctl("status").stdout)
        self.dataplane.ask("missteer 77")
        self.assertEqual(len(self.status()["dataplane"]["alarms"]), 1)
        self.assertRegex(self.ctl("status").stdout, r"(?m)^alarm +port \w+: RSS .*77 so far")

    def test_first_control_then_dataplane(self):
        self.start_control()
        eventually(lambda: self.status()["control"], "control")
        self.start_dataplane()
        self.wait_generation(1)
        self.assertEqual(self.stop_control().count("no dataplane"), 1)

    def test_mistakes_at_the_start_are_all_printed(self):
        self.write(config(weight=1001, rate="fast"))
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        log = self.control.stderr.read()
        self.assertIn("s.conf:6: 'weight' must be between 0 and 1000, not 1001", log)
        self.assertIn("s.conf:11: 'rate' must be", log)

    def test_no_mistake_is_left_out_however_many_there_are(self):
        self.write(config(more="".join(f"unknown{i} = 1;\n" for i in range(100))))
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        self.assertEqual(self.control.stderr.read().count("unknown setting"), 100)

    def test_apply_answers_with_the_generation(self):
        self.start()
        self.write(config(weight=7))
        done = self.ctl("apply", self.path("s.conf"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("generation 2 runs on 2 workers", done.stdout)
        self.assertIn("10.0.0.21:8080=7", self.dataplane.ask("weights"))

    def test_an_apply_sends_the_kinds_that_changed(self):
        self.start()
        self.assertEqual(self.dataplane.ask("parts").split(),
                         ["gateway=1", "routing=1", "callers=1", "endpoints=1"])
        self.write(config(weight=7))
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(self.dataplane.ask("parts").split(),
                         ["gateway=1", "routing=1", "callers=1", "endpoints=2"])
        self.write(config(weight=7, more="timeouts: { head = \"9s\"; };\n"))
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(self.dataplane.ask("parts").split(),
                         ["gateway=3", "routing=1", "callers=1", "endpoints=2"])
        # Another control takes the parts over, and sends none that stay.
        self.stop_control()
        self.write(config(weight=8, more="timeouts: { head = \"9s\"; };\n"))
        self.start_control()
        self.wait_generation(4)
        self.assertEqual(self.dataplane.ask("parts").split(),
                         ["gateway=3", "routing=1", "callers=1", "endpoints=4"])

    def test_apply_of_mistakes_changes_nothing(self):
        self.start()
        self.write(config(weight=1001))
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 1)
        self.assertIn("s.conf:6: 'weight' must be between 0 and 1000, not 1001", done.stderr)
        self.assertEqual(self.generation(), 1)

    def test_a_path_that_is_no_file_is_told_and_the_daemon_goes_on(self):
        self.start()
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        os.symlink("circle", self.path("circle"))
        for name, text, why in (
                ("folder", '@include "folder"', "cannot include 'folder': it is a folder"),
                ("nothing", '@include ""', "cannot include '': it names no file"),
                ("pipe", '@include "pipe"', "cannot include 'pipe': it is a named pipe"),
                ("circle", '@include "circle"', "cannot include 'circle': its symbolic links lead in a circle"),
                ("itself", '@include "s.conf"', "cannot include 's.conf': it is this file itself"),
                ("key file", 'key_files = [ "pipe" ];', "pipe' cannot be read: it is a named pipe"),
                ("certificate", 'certificates = ( { name = "c"; certificate = "pipe"; key = "folder"; } );',
                    "certificate 'pipe' cannot be read: it is a named pipe"),
                ("log", 'access_log: { path = "gone/access.log"; };', "folder '"),
                ("log in a pipe", 'access_log: { path = "pipe"; };', "is a named pipe, not a file")):
            with self.subTest(name):
                self.write(config(more=text))
                line = config(more="@@").split("@@")[0].count("\n") + 1
                done = self.ctl("apply")
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"s.conf:{line}: ", done.stderr)
                self.assertIn(why, done.stderr)
                self.control.send_signal(signal.SIGHUP)
                self.assertEqual(self.generation(), 1)
        for name in ("folder", "pipe"):
            with self.subTest(name):
                done = self.ctl("apply", self.path(name))
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{self.path(name)}:1: cannot be read: it is a ", done.stderr)
        self.write(config())
        self.assertEqual(self.ctl("apply").returncode, 0)

    def test_an_apply_that_waits_says_for_whom(self):
        self.start()
        self.freeze_control()
        apply = subprocess.Popen([CTL, "apply", "--socket", self.path("d.sock"), "--control-socket",
            self.path("c.sock")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.assertIn(f"waiting for sluice-control (pid {self.control.pid}), ", apply.stderr.readline())
        self.control.send_signal(signal.SIGCONT)
        self.assertEqual(apply.wait(30), 0)
        apply.stderr.close()

    def test_status_fails_while_nothing_is_served(self):
        self.start_dataplane()
        self.dataplane.ask("refuse no ports today")
        self.start_control()
        eventually(lambda: (self.status()["control"] or {}).get("refusal"), "the refusal")
        done = self.ctl("status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("waiting for a configuration", done.stdout)
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(self.ctl("status").returncode, 0)

    def test_a_refused_apply_says_why_and_keeps_what_runs(self):
        self.start()
        self.dataplane.ask("refuse the moon is full")
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the moon is full", done.stderr)
        status = self.status()
        self.assertEqual(status["control"]["refusal"], "the moon is full")
        self.assertEqual(status["dataplane"]["generation"], 1)
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertIsNone(self.status()["control"]["refusal"])

    def test_what_needs_a_restart_is_refused_with_its_line(self):
        self.start()
        self.write(config(workers=2))
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 1)
        self.assertIn("s.conf:2: 'workers' cannot change while the dataplane runs", done.stderr)
        self.assertEqual(self.generation(), 1)
        self.dataplane.kill()
        eventually(lambda: self.status()["control"]["state"] == "waiting for a dataplane", "notice")
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no dataplane is there yet", done.stdout)
        self.start_dataplane()
        self.wait_generation(2)

    def test_sighup_reads_again(self):
        self.start()
        self.write(config(weight=9))
        self.control.send_signal(signal.SIGHUP)
        self.wait_generation(2)
        self.assertIn("10.0.0.21:8080=9", self.dataplane.ask("weights"))

    def test_a_second_control_is_told_so(self):
        self.start()
        first = self.control
        self.control = subprocess.Popen([CONTROL, "--config", self.path("s.conf"), "--socket", self.path("d.sock"),
            "--control-socket", self.path("other.sock")], stderr=subprocess.PIPE, text=True)
        log = ""
        while "another control process" not in log:
            line = self.control.stderr.readline()
            self.assertTrue(line, f"it ended without a word of it: {log}")
            log += line
        time.sleep(0.5) # and does not say it again and again
        log += self.stop_control()
        self.control = first
        self.assertEqual(log.count("another control process"), 1)
        other = subprocess.run([CONTROL, "--config", self.path("s.conf"), "--socket", self.path("d.sock"),
            "--control-socket", self.path("c.sock")], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(other.returncode, 1)
        self.assertIn("another process listens on", other.stderr)


class Sockets(Case):
    def test_a_lock_that_hangs_does_not_hang_a_start(self):
        with open(self.path(".c.sock.lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.start_control()
            self.assertEqual(self.control.wait(20), 1)
        self.assertRegex(self.control.stderr.read(), rf"locked for \d+ s by process {os.getpid()} \(\S+\)")

    def test_the_folders_own_lock_is_anybodys(self):
        folder = os.open(self.folder.name, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            self.start()
        finally:
            os.close(folder)

    def test_a_missing_folder_is_made(self):
        os.mkdir(self.path("run"))
        os.rmdir(self.path("run"))
        self.dataplane = Dataplane(self.path("run/d.sock"))
        self.assertEqual(os.stat(self.path("run")).st_mode & 0o777, 0o755)

    def test_what_is_no_socket_is_told(self):
        self.write_file("c.sock")
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        self.assertIn("c.sock is no socket: remove it", self.control.stderr.read())

    def test_a_link_in_the_sockets_place_is_not_followed(self):
        self.write_file("precious")
        before = os.stat(self.path("precious"))
        os.symlink(self.path("precious"), self.path("c.sock"))
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        after = os.stat(self.path("precious"))
        self.assertEqual((before.st_uid, before.st_mode), (after.st_uid, after.st_mode))

    def test_a_folder_that_others_can_change_is_refused(self):
        os.chmod(self.folder.name, 0o777)
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        self.assertIn("can be changed by others (mode 0777)", self.control.stderr.read())
        os.chmod(self.folder.name, 0o700)

    def write_file(self, name):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write("a file")


# Holds COUNT connections, which say HELLO or nothing, and reopens those that are closed, until its input ends.
FLOOD = """
import select, socket, sys
path, kind, count, hello = sys.argv[1], getattr(socket, sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
connections, said = [], False
while not select.select([sys.stdin], [], [], 0)[0]:
    while len(connections) < count:
        s = socket.socket(socket.AF_UNIX, kind)
        s.settimeout(5)
        try:
            s.connect(path)
            if hello:
                s.send(hello)
                s.recv(1000) # it was accepted, or refused
        except OSError:
            break
        connections.append(s)
    if not said:
        print("full", flush=True)
        said = True
    for s in select.select(connections, [], [], 0.01)[0]:
        if hello:
            break
        s.close()
        connections.remove(s)
"""


class Flood:
    def __init__(self, path, kind, count, processes=1, hello=b""):
        self.processes = [subprocess.Popen([sys.executable, "-c", FLOOD, path, kind, str(count), hello.hex()],
            user="nobody", group="games", extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)]

    def __enter__(self):
        for process in self.processes:
            assert process.stdout.readline() == "full\n"

    def __exit__(self, *_):
        for process in self.processes:
            process.communicate(timeout=20)


@unittest.skipUnless(os.getuid() == 0, "needs root")
class Users(Case):
    NOBODY = pwd.getpwnam("nobody")

    def setUp(self):
        super().setUp()
        os.chmod(self.folder.name, 0o755)

    def ctl_as_nobody(self, *argv, groups=()):
        return subprocess.run([CTL, *argv, "--control-socket", self.path("c.sock"), "--socket", self.path("d.sock")],
            user="nobody", group="nogroup", extra_groups=[grp.getgrnam(name).gr_gid for name in groups],
            capture_output=True, text=True, timeout=60, check=False)

    def test_a_user_outside_the_group_may_not_apply(self):
        self.write(config(more='admin: { group = "users"; };'))
        self.start()
        done = self.ctl_as_nobody("apply")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"user nobody (uid {self.NOBODY.pw_uid}) may not ask: only root and members of the group "
            "users (admin.group) may", done.stderr)
        self.assertEqual(self.generation(), 1)
        told = self.ctl_as_nobody("status").stdout
        self.assertIn(f"control     unknown: not allowed to ask at {self.path('c.sock')}", told)
        self.assertNotIn("the dataplane goes on", told)
        done = self.ctl_as_nobody("status", "--json")
        self.assertEqual(done.returncode, 1)
        told = json.loads(done.stdout)
        self.assertEqual((told["control"], told["obstacle"]["control"]), (None, "not_allowed"))
        done = self.ctl_as_nobody("apply", groups=["users"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.generation(), 2)
        self.write(config())
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertIn("not allowed", self.ctl_as_nobody("apply", groups=["users"]).stderr)

    def test_who_may_read_may_not_apply(self):
        self.write(config(more='admin: { group = "users"; readers = "games"; };'))
        self.start()
        told = json.loads(self.ctl_as_nobody("status", "--json", groups=["games"]).stdout)
        self.assertEqual(told["control"]["generation"], 1)
        self.assertIsNone(told["obstacle"]["control"])
        done = self.ctl_as_nobody("apply", groups=["games"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("may not apply", done.stderr)
        self.assertEqual(self.generation(), 1)
        self.assertIn("may not apply", self.stop_control())

    def test_nothing_of_a_file_is_told_to_who_may_not_read_it(self):
        self.write(config(more='admin: { group = "users"; readers = "games"; };'))
        self.start()
        with open(self.path("secret"), "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
            f.write("PASSWORD=hunter2\n")
        with open(self.path("mine.conf"), "w", encoding="utf-8") as f:
            f.write('@include "secret"\n')
        for name in ("secret", "mine.conf"):
            done = self.ctl("apply", self.path(name))
            self.assertIn("'hunter2'", done.stderr) # to root
            told = [self.ctl_as_nobody("status", *json, groups=[group]).stdout for group in ("users", "games")
                for json in ((), ("--json",))]
            for options in ((), ("--json",)):
                done = self.ctl_as_nobody("apply", self.path(name), *options, groups=["users"])
                self.assertEqual(done.returncode, 1)
                told.append(done.stdout + done.stderr)
            for text in told:
                self.assertNotIn("hunter2", text)
                self.assertNotIn("PASSWORD", text)
            self.assertIn(f"{self.path('secret')}:1: ", told[0]) # what it could not be told is the value
        # What the caller may read is told in full.
        with open(self.path("mine.conf"), "w", encoding="utf-8") as f:
            f.write("PASSWORD=hunter2\n")
        self.assertIn("'hunter2'", self.ctl_as_nobody("apply", self.path("mine.conf"), groups=["users"]).stderr)

    def test_readers_that_keep_silent_lock_nobody_else_out(self):
        self.write(config(more='admin: { group = "users"; readers = "games"; };'))
        self.start()
        with Flood(self.path("c.sock"), "SOCK_STREAM", 16):
            for generation in range(2, 8):
                self.assertIn("control     up", self.ctl("status").stdout)
                done = self.ctl("apply")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"generation {generation} runs", done.stdout)
            done = self.ctl_as_nobody("status", groups=["users"]) # the same user, with more rights
            self.assertNotIn("down", done.stdout)
        log = self.stop_control()
        self.assertIn(f"a connection of uid {self.NOBODY.pw_uid}", log)

    def test_readers_that_stay_leave_places_to_root(self):
        self.dataplane = Dataplane(self.path("d.sock"), str(grp.getgrnam("games").gr_gid))
        self.start_control()
        self.wait_generation(1)
        with Flood(self.path("d.sock"), "SOCK_SEQPACKET", 16, hello=self.hello()):
            self.assertIn("too many connections", self.ctl_as_nobody("status", groups=["games"]).stdout)
            for _ in range(3):
                done = self.ctl("stats", "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.ctl("apply").returncode, 0)

    @staticmethod
    def hello():
        """A reader's first message (lib/shm/link.h)."""
        with open(os.path.join(os.path.dirname(__file__), "../../../lib/shm/shm.h"), encoding="utf-8") as f:
            abi = dict(re.findall(r"(?m)^#define SHM_ABI_(MAJOR|MINOR) +(\d+)", f.read()))
        return struct.pack("<IIHHI", 0x4b4e4c53, 1, int(abi["MAJOR"]), int(abi["MINOR"]), 2).ljust(288, b"\0")

    def test_readers_of_statistics_lock_nobody_else_out(self):
        self.dataplane = Dataplane(self.path("d.sock"), str(grp.getgrnam("games").gr_gid))
        with Flood(self.path("d.sock"), "SOCK_SEQPACKET", 300, 3):
            self.start_control()
            self.wait_generation(1)
            for generation in range(2, 8):
                done = self.ctl("stats", "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                done = self.ctl("apply")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.generation(), generation)
        self.assertNotIn("Broken pipe", self.stop_control())

    def test_a_group_may_read_statistics_and_no_more(self):
        self.dataplane = Dataplane(self.path("d.sock"), str(grp.getgrnam("games").gr_gid))
        self.start_control()
        self.wait_generation(1)
        self.assertEqual(self.ctl_as_nobody("stats", "--json", groups=["games"]).returncode, 0)
        self.assertIn("not allowed", self.ctl_as_nobody("stats").stderr)
        # As control it is refused.
        log = subprocess.Popen([CONTROL, "--config", self.path("s.conf"), "--socket", self.path("d.sock"),
            "--control-socket", f"{self.own_folder()}/c.sock"], user="nobody", group="nogroup",
            extra_groups=[grp.getgrnam("games").gr_gid], stderr=subprocess.PIPE, text=True)
        try:
            line = next(line for line in log.stderr if "may read" in line)
        finally:
            log.kill()
            log.wait()
            log.stderr.close()
        self.assertIn("this user may read statistics, but not control the dataplane", line)

    def own_folder(self):
        os.mkdir(self.path("own"))
        os.chown(self.path("own"), self.NOBODY.pw_uid, -1)
        return self.path("own")

    def test_control_leaves_no_core_file(self):
        os.mkdir(self.path("log"))
        os.chown(self.path("log"), self.NOBODY.pw_uid, -1)
        self.start_as_nobody()
        # What can be dumped belongs to its user, what cannot to root.
        self.assertEqual(os.stat(f"/proc/{self.control.pid}/environ").st_uid, 0)
        self.assertRegex(self.limits(), r"(?m)^Max core file size +0 +0 ")
        self.stop_control()
        self.start_as_nobody("--core-dumps")
        self.assertNotRegex(self.limits(), r"(?m)^Max core file size +0 +0 ")

    def limits(self):
        with open(f"/proc/{self.control.pid}/limits", encoding="ascii") as f:
            return f.read()

    def start_as_nobody(self, *options):
        self.start_control("--user", "nobody", "--access-log", self.path("log/access.log"), *options)
        eventually(lambda: self.status()["control"], "control")
        threads = os.listdir(f"/proc/{self.control.pid}/task")
        self.assertGreater(len(threads), 1)
        for thread in threads:
            with open(f"/proc/{self.control.pid}/task/{thread}/status", encoding="ascii") as f:
                status = f.read()
            self.assertRegex(status, rf"(?m)^Uid:(\t{self.NOBODY.pw_uid}){{4}}$")
            self.assertRegex(status, r"(?m)^CapEff:\t0+$")
            self.assertRegex(status, r"(?m)^Umask:\t%04o$" % self.umask())

    @staticmethod
    def umask():
        mask = os.umask(0)
        os.umask(mask)
        return mask

    def test_a_file_that_control_may_not_read_is_told(self):
        os.mkdir(self.path("log"))
        os.chown(self.path("log"), self.NOBODY.pw_uid, -1)
        self.start_as_nobody()
        with open(self.path("roots.conf"), "w", encoding="utf-8") as f:
            f.write(config())
        os.chmod(self.path("roots.conf"), 0o600)
        done = self.ctl("apply", self.path("roots.conf"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.path('roots.conf')}:1: cannot be read: Permission denied", done.stderr)

    def test_the_log_is_made_by_the_user_and_the_socket_in_roots_folder(self):
        os.mkdir(self.path("log"))
        os.chown(self.path("log"), self.NOBODY.pw_uid, -1)
        self.start_as_nobody()
        self.assertEqual(os.stat(self.path("log/access.log")).st_uid, self.NOBODY.pw_uid)
        self.assertEqual(os.stat(self.path("c.sock")).st_uid, self.NOBODY.pw_uid)
        self.assertEqual(os.stat(self.folder.name).st_uid, 0)
        self.stop_control()
        self.start_as_nobody() # over the socket that was left behind

    def test_a_link_that_the_user_left_gives_nothing_of_roots_away(self):
        precious = self.path("precious")
        with open(precious, "w", encoding="utf-8") as f:
            f.write("as it was")
        os.mkdir(self.path("log"))
        os.symlink(precious, self.path("log/access.log"))
        os.lchown(self.path("log/access.log"), self.NOBODY.pw_uid, -1)
        os.chown(self.path("log"), self.NOBODY.pw_uid, -1)
        self.start_as_nobody()
        self.assertEqual(os.stat(precious).st_uid, 0)
        with open(precious, encoding="utf-8") as f:
            self.assertEqual(f.read(), "as it was")
        self.assertIn("symbolic link", self.stop_control())

    def test_a_folder_of_another_user_is_refused(self):
        os.mkdir(self.path("run"))
        os.chown(self.path("run"), self.NOBODY.pw_uid, -1)
        os.symlink("/etc/passwd", self.path("run/c.sock"))
        self.start_control("--user", "nobody", "--control-socket", self.path("run/c.sock"))
        self.assertEqual(self.control.wait(20), 1)
        self.assertIn("who could put another file in the socket's place", self.control.stderr.read())
        self.assertEqual(os.stat("/etc/passwd").st_uid, 0)


class Restart(Case):
    def test_a_restarted_control_takes_over_and_applies_nothing(self):
        self.start()
        self.write(config(weight=6))
        self.assertEqual(self.ctl("apply").returncode, 0)
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.stop_control(number)
            self.assertEqual(self.ctl("stats", "--json").returncode, 0)
            self.assertIn("control     down", self.ctl("status").stdout)
            self.assertEqual(self.status()["obstacle"], {"dataplane": None, "control": "down"})
            self.start_control()
            eventually(lambda: (self.status()["control"] or {}).get("state") == "applied", "take-over")
            self.assertEqual(self.generation(), 2)
        self.write(config(weight=7))
        self.stop_control()
        self.start_control()
        self.wait_generation(3)

    def apply_other(self):
        """Apply another file than --config's. @return its path"""
        other = self.path("other.conf")
        with open(other, "w", encoding="utf-8") as f:
            f.write(config(weight=8))
        done = self.ctl("apply", other)
        self.assertEqual(done.returncode, 0, done.stderr)
        return other, done.stdout

    def wait_control(self):
        eventually(lambda: (self.status()["control"] or {}).get("state") == "applied", "take-over")
        return self.status()["control"]

    def test_a_restarted_control_takes_up_the_file_that_was_applied_last(self):
        self.start()
        other, said = self.apply_other()
        self.assertIn(f"takes it up again instead of --config {self.path('s.conf')}", said)
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.stop_control(number)
            self.start_control()
            self.assertEqual(self.wait_control()["config"], other)
            self.assertEqual(self.generation(), 2)
            self.assertIn("10.0.0.21:8080=8", self.dataplane.ask("weights"))
        # Back: what --config names is then what a restart reads, by whatever name it was applied.
        os.symlink("s.conf", self.path("link.conf"))
        self.assertEqual(self.ctl("apply", self.path("link.conf")).returncode, 0)
        generation = self.generation()
        self.assertIn("other.conf was applied last", self.stop_control())
        self.start_control()
        self.assertEqual(self.wait_control()["config"], self.path("s.conf"))
        self.assertEqual(self.generation(), generation)
        self.assertIn("10.0.0.21:8080=5", self.dataplane.ask("weights"))

    def test_the_same_file_by_another_name_is_not_another(self):
        self.start_dataplane()
        here = os.path.relpath(self.path("s.conf"))
        self.start_control("--config", here)
        self.wait_generation(1)
        for name in (here, self.path("s.conf")):
            done = self.ctl("apply", name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("instead of --config", done.stdout)

    def test_another_config_option_is_a_new_decision(self):
        self.start()
        self.apply_other()
        self.stop_control()
        with open(self.path("third.conf"), "w", encoding="utf-8") as f:
            f.write(config(weight=9))
        self.start_control("--config", self.path("third.conf"))
        self.wait_generation(3)
        self.assertIn("10.0.0.21:8080=9", self.dataplane.ask("weights"))

    def test_a_file_that_was_applied_last_and_is_gone_is_told(self):
        self.start()
        other, _ = self.apply_other()
        self.stop_control()
        os.unlink(other)
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        log = self.control.stderr.read()
        self.assertIn(f"{other}:1: cannot be read: No such file", log)
        self.assertIn(f"remove {self.path('c.sock.state')} to start with {self.path('s.conf')}", log)
        self.assertIn("10.0.0.21:8080=8", self.dataplane.ask("weights"))

    def test_an_unreadable_record_is_told_and_stops_nothing(self):
        self.start()
        record = self.path("c.sock.state/applied.json")
        for text in ("", "{", "[]", '{"config": "relative", "started_with": "x"}', None):
            with self.subTest(text):
                self.apply_other()
                self.stop_control()
                if text is None: # another one cannot be written either
                    os.unlink(record)
                    os.mkdir(record)
                else:
                    with open(record, "w", encoding="utf-8") as f:
                        f.write(text)
                self.start_control()
                self.assertEqual(self.wait_control()["config"], self.path("s.conf"))
                self.assertIn("it is not known which one was applied last", self.ctl("status").stdout)
                if text is None:
                    os.rmdir(record)
                self.apply_other()
                self.assertNotIn("it is not known", self.ctl("status").stdout)
                log = self.stop_control()
                self.assertRegex(log, "error .*which file was applied last cannot be read")
                self.start_control()
                self.assertTrue(self.wait_control()["config"].endswith("other.conf"))

    def test_an_apply_that_cannot_be_remembered_says_so(self):
        os.mkdir(self.path("full"))
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=4", "none", self.path("full")],
                capture_output=True, check=False).returncode:
            self.skipTest("no mount here")
        try:
            with open(self.path("full/rest"), "wb") as f:
                f.write(bytes(4096))
            self.start_dataplane()
            self.start_control("--state", self.path("full"))
            self.wait_generation(1)
            _, said = self.apply_other()
            self.assertIn(f"could not be remembered ({self.path('full')}/applied.json: No space left on device)", said)
            self.assertIn(f"a restart of sluice-control reads {self.path('s.conf')}", said)
            self.assertEqual(os.listdir(self.path("full")), ["rest"])
            # With room again the next apply is remembered.
            os.unlink(self.path("full/rest"))
            _, said = self.apply_other()
            self.assertNotIn("could not", said)
            self.assertEqual(os.listdir(self.path("full")), ["applied.json"])
            self.stop_control()
        finally:
            subprocess.run(["umount", "-l", self.path("full")], check=False)

    def test_a_restarted_control_keeps_limits_and_slots(self):
        two = ", ".join([ACME % "bronze", '{ name = "globex"; plan = "gold"; }'])
        self.write(config(consumers=two))
        self.start()
        self.dataplane.ask("word globex 0 4711")
        self.stop_control(signal.SIGKILL)
        # The order in the file changes: the slots must not.
        self.write(config(consumers=", ".join(['{ name = "globex"; plan = "gold"; }', ACME % "bronze"])))
        self.start_control()
        self.wait_generation(2)
        self.assertEqual(self.dataplane.ask("line globex"), "gold 4711 0 0 0 0")
        self.assertEqual(self.dataplane.ask("line acme"), "bronze 0 0 0 0 0")

    def test_a_restarted_dataplane_gets_limits_as_they_were(self):
        self.start()
        self.dataplane.ask("word acme 0 123456789")
        self.dataplane.ask("requests 10")
        for _ in range(3):
            self.dataplane.kill()
            eventually(lambda: self.status()["control"]["state"] == "waiting for a dataplane", "notice")
            self.start_dataplane()
            self.wait_generation(1)
            # The counts are since the dataplane's start, as all others.
            self.assertEqual(self.dataplane.ask("line acme"), "bronze 123456789 0 0 0 0")

    def test_a_new_dataplane_that_refuses_and_dies_costs_no_limits(self):
        self.start()
        self.dataplane.ask("word acme 0 123456789")
        self.dataplane.kill()
        eventually(lambda: self.status()["control"]["state"] == "waiting for a dataplane", "notice")
        self.start_dataplane()
        self.wait_generation(1)
        self.dataplane.ask("refuse no memory")
        self.assertEqual(self.ctl("apply").returncode, 1)
        self.dataplane.kill()
        self.start_dataplane()
        eventually(lambda: self.generation() >= 1, "a generation")
        self.assertEqual(self.dataplane.ask("line acme"), "bronze 123456789 0 0 0 0")

    def test_room_for_more_consumers_keeps_limits(self):
        self.write(config(capacity="capacity: { consumers = 1; };"))
        self.start()
        self.dataplane.ask("word acme 0 99")
        self.write(config(capacity="capacity: { consumers = 100; };",
            consumers=", ".join([ACME % "bronze", '{ name = "globex"; plan = "gold"; }'])))
        self.assertEqual(self.ctl("apply").returncode, 1)
        self.dataplane.kill()
        eventually(lambda: self.status()["control"]["state"] == "waiting for a dataplane", "notice")
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.start_dataplane()
        self.wait_generation(2)
        self.assertEqual(self.dataplane.ask("line acme"), "bronze 99 0 0 0 0")
        self.assertEqual(self.dataplane.ask("line globex"), "gold 0 0 0 0 0")


class Limits(Case):
    def monotonic_ns(self):
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def test_an_apply_refills_nobody(self):
        self.start()
        used = self.monotonic_ns() + 400_000_000
        quota = 20000 << 40 | 77
        self.dataplane.ask(f"word acme 0 {used}")
        self.dataplane.ask(f"word acme 3 {quota}")
        self.write(config(weight=9))
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(self.dataplane.ask("line acme"), f"bronze {used} 0 0 {quota} 0")

    def test_another_rate_locks_nobody_out(self):
        self.write(config(rate="10/day"))
        self.start()
        self.dataplane.ask(f"word acme 0 {self.monotonic_ns() + 20_000_000_000_000}")
        self.write(config(rate="10/s"))
        self.assertEqual(self.ctl("apply").returncode, 0)
        word = int(self.dataplane.ask("line acme").split()[1])
        self.assertLessEqual(word, self.monotonic_ns() + 500_000_000)
        self.assertGreater(word, self.monotonic_ns() - 5_000_000_000)

    def test_a_removed_consumer_leaves_nothing_to_its_successor(self):
        self.write(config(capacity="capacity: { consumers = 1; };"))
        self.start()
        self.dataplane.ask("word acme 0 4711")
        self.write(config(capacity="capacity: { consumers = 1; };", consumers='{ name = "new"; plan = "gold"; }'))
        self.dataplane.ask("refuse not now")
        self.assertEqual(self.ctl("apply").returncode, 1)
        self.assertEqual(self.dataplane.ask("line acme"), "bronze 4711 0 0 0 0", "a refusal refills nobody")
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.dataplane.ask("line new"), "gold 0 0 0 0 0")

    def apply(self, **changes):
        self.write(config(**changes))
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_consumer_that_comes_back_has_its_limits_back(self):
        globex = '{ name = "globex"; plan = "gold"; }'
        self.start()
        used, quota = self.monotonic_ns() + 400_000_000, 20000 << 40 | 77
        self.dataplane.ask(f"word acme 0 {used}")
        self.dataplane.ask(f"word acme 3 {quota}")
        self.dataplane.ask("requests 3")
        self.apply(consumers=globex)
        self.apply(consumers=globex, weight=7) # others may come between
        # Not even a new control forgets it: it reads what the dataplane runs.
        self.stop_control(signal.SIGKILL)
        self.start_control()
        eventually(lambda: (self.status()["control"] or {}).get("state") == "applied", "take-over")
        self.assertEqual(self.dataplane.ask("line globex"), "gold 0 0 0 0 0")
        self.apply(consumers=", ".join([globex, ACME % "bronze"]), weight=7)
        self.assertEqual(self.dataplane.ask("line acme"), f"bronze {used} 0 0 {quota} 0", "its counts begin again")
        # On another plan its words mean something else.
        self.apply(consumers=globex, weight=7)
        self.apply(consumers=", ".join([globex, ACME % "gold"]), weight=7)
        self.assertEqual(self.dataplane.ask("line acme").split()[2:], ["0", "0", str(quota), "0"])

    def test_the_consumer_that_was_removed_first_gives_its_place_away_first(self):
        room = "capacity: { consumers = 2; };"
        gold = '{ name = "%s"; plan = "gold"; }'
        self.write(config(capacity=room, consumers=gold % "first"))
        self.start()
        self.dataplane.ask("word first 0 4711")
        self.apply(capacity=room, consumers=gold % "second")
        self.dataplane.ask("word second 0 4712")
        self.apply(capacity=room, consumers=gold % "third")
        self.assertEqual(self.dataplane.ask("line third"), "gold 0 0 0 0 0")
        self.apply(capacity=room, consumers=", ".join([gold % "third", gold % "second"]))
        self.assertEqual(self.dataplane.ask("line second"), "gold 4712 0 0 0 0")
        self.apply(capacity=room, consumers=", ".join([gold % "third", gold % "first"]))
        self.assertEqual(self.dataplane.ask("line first"), "gold 0 0 0 0 0")


class Log(Case):
    def test_a_line_for_each_request(self):
        self.start()
        self.dataplane.ask("requests 5000")
        eventually(lambda: len(self.log_lines()) == 5000, "lines")
        line = self.log_lines()[0]
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(line.pop("request_id"), "0000000000000001")
        self.assertEqual(line, {"listener": "web", "client": "10.0.0.1:40000", "method": "GET",
            "host": "api.example", "path": "/v1/o\"\\\x01\xff\x7f.x", "status": 200, "reason": "proxied",
            "api": "orders", "consumer": "acme", "key": "k1", "limit": None, "endpoint": "10.0.0.21:8080", "duration_ms": 1.5,
            "backend_ms": 1.234, "attempts": 2, "bytes_in": 100, "bytes_out": 2000, "tls": False})

    def test_a_refusal_names_its_limit(self):
        self.start()
        self.dataplane.ask("limit 1")
        self.dataplane.ask("requests 1")
        line = eventually(self.log_lines, "a line")[0]
        self.assertEqual([line[n] for n in ("status", "reason", "consumer", "key", "limit")],
            [429, "rate_limited", "acme", "k1", "rate"])

    def test_what_a_dead_dataplane_left_behind_is_written(self):
        self.start()
        self.dataplane.ask("requests 1000")
        self.dataplane.kill()
        eventually(lambda: len(self.log_lines()) == 1000, "lines")

    def test_rotation(self):
        self.start()
        self.dataplane.ask("requests 10")
        eventually(lambda: len(self.log_lines()) == 10, "lines")
        os.rename(self.path("access.log"), self.path("access.log.1"))
        self.control.send_signal(signal.SIGUSR1)
        eventually(lambda: os.path.exists(self.path("access.log")), "the new file")
        self.dataplane.ask("requests 7")
        eventually(lambda: len(self.log_lines()) == 7, "lines")

    def test_a_full_disk_is_said_once_and_counted(self):
        self.start()
        self.control_files(0)
        for _ in range(3):
            self.dataplane.ask("requests 100")
            time.sleep(0.15)
        access_log = lambda: self.status()["control"]["access_log"]
        eventually(lambda: access_log()["lost"] == 300, "300 lost lines")
        log = access_log()
        self.assertEqual((log["lost"], log["written"], log["failing"]), (300, 0, True))
        self.control_files(resource.RLIM_INFINITY)
        self.dataplane.ask("requests 1")
        eventually(lambda: len(self.log_lines()) == 1, "a line")
        text = self.stop_control()
        self.assertEqual(text.count("cannot be written"), 1)
        self.assertEqual(text.count("is written again; 300 lines were lost"), 1)

    def control_files(self, largest):
        """As if the disk were full from @largest bytes on."""
        resource.prlimit(self.control.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def refused_log(self, why):
        """Start with a file that is not to be written to."""
        self.start()
        self.assertTrue(self.status()["control"]["access_log"]["failing"])
        self.dataplane.ask("requests 10")
        eventually(lambda: self.status()["control"]["access_log"]["lost"] == 10, "lost lines")
        self.assertIn(f"access.log cannot be opened: {why}", self.stop_control())

    def test_a_link_in_the_logs_place_is_not_followed(self):
        with open(self.path("precious"), "w", encoding="utf-8") as f:
            f.write("as it was")
        os.symlink(self.path("precious"), self.path("access.log"))
        self.refused_log("it is a symbolic link, which is not followed")
        with open(self.path("precious"), encoding="utf-8") as f:
            self.assertEqual(f.read(), "as it was")

    def test_a_second_name_of_another_file_is_not_written_to(self):
        with open(self.path("precious"), "w", encoding="utf-8") as f:
            f.write("as it was")
        os.link(self.path("precious"), self.path("access.log"))
        self.refused_log("it has a second name (hard link)")

    def test_a_fifo_in_the_logs_place_does_not_hang_the_start(self):
        os.mkfifo(self.path("access.log"))
        self.refused_log("it is no regular file")

    def test_full_rings_are_counted(self):
        self.write(config(more="access_log: { records = 256; };"))
        self.start()
        self.freeze_control()
        self.dataplane.ask("requests 1000")
        self.control.send_signal(signal.SIGCONT)
        eventually(lambda: len(self.log_lines()) == 512, "what fits")
        eventually(lambda: self.status()["control"]["access_log"]["dropped"] == 488, "the count")


class Questions(Case):
    """Workers ask control; the fake ones do it with the real code."""

    def asks(self):
        words = self.dataplane.ask("asks").split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def start_silent(self):
        self.start()
        self.assertEqual(self.dataplane.ask("silent"), "done")
        eventually(lambda: self.asks()["open"] == 0 and self.asks()["answered"], "the last pings")
        return self.asks()

    def test_control_answers_each_worker_and_status_tells_how_fast(self):
        self.start()
        eventually(lambda: all(w["control_rtt_us"] for w in self.status()["dataplane"]["workers"]), "pings")
        self.assertRegex(self.ctl("status").stdout, r"control answers its workers in \d+ (to \d+ )?µs")
        status = self.status()
        self.assertGreaterEqual(status["control"]["questions"]["answered"], 2)
        self.assertEqual(status["dataplane"]["alarms"], [])
        table = self.ctl("stats", "--workers").stdout
        self.assertIn("Questions to control", table)
        self.assertIn("no control", table)

    def test_questions_beyond_the_cap_are_not_asked(self):
        before = self.start_silent()
        # A control that runs takes questions while they are asked.
        self.freeze_control()
        self.assertEqual(self.dataplane.ask("ask 10"), "done")
        self.control.send_signal(signal.SIGCONT)
        after = eventually(lambda: (now := self.asks())["open"] == 0 and now, "the answers")
        self.assertEqual(after["full"] - before["full"], 6)
        self.assertEqual(sum(after[end] - before[end] for end in ("answered", "late")), 4)

    def test_a_stopped_control_is_late_and_then_answers_nothing_that_is_over(self):
        before = self.start_silent()
        self.freeze_control()
        self.dataplane.ask("ask 3")
        late = eventually(lambda: (now := self.asks())["open"] == 0 and now, "the deadlines")
        self.assertEqual(late["late"] - before["late"], 3)
        self.assertEqual(late["no_control"], before["no_control"])
        self.control.send_signal(signal.SIGCONT)
        eventually(lambda: self.status()["control"]["questions"]["late"] == 3, "what control found too late")
        self.assertEqual(self.asks()["stray"], before["stray"])
        self.dataplane.ask("ask 1")
        eventually(lambda: self.asks()["answered"] == before["answered"] + 1, "an answer again")

    def test_a_stopped_control_is_an_alarm(self):
        self.start()
        self.freeze_control()

        def alarm():
            self.dataplane.ask("requests 2")  # both workers live
            stats = json.loads(self.ctl("status", "--json").stdout)["dataplane"]
            return [text for text in stats["alarms"] if "has not answered worker 1" in text]
        eventually(alarm, "the alarm", 40)
        self.control.send_signal(signal.SIGCONT)
        eventually(lambda: not alarm(), "its end", 40)

    def test_a_killed_control_ends_the_questions_and_the_next_one_answers(self):
        before = self.start_silent()
        self.freeze_control()
        self.dataplane.ask("ask 2")
        self.stop_control(signal.SIGKILL)
        gone = eventually(lambda: (now := self.asks())["open"] == 0 and now, "the end of both")
        self.assertEqual(gone["no_control"] + gone["late"] - before["no_control"] - before["late"], 2)
        self.dataplane.ask("ask 1")
        self.assertEqual(self.asks()["no_control"], gone["no_control"] + 1)
        self.start_control()

        def answered():
            self.dataplane.ask("ask 1")
            return self.asks()["answered"] > gone["answered"]
        eventually(answered, "an answer of the next control")


class Changes(Case):
    """Changes by command: made in the running dataplane, kept over applies and restarts."""

    OTHER = "ab" * 32

    def delta(self):
        words = self.dataplane.ask("delta").split()
        return dict(zip(words[::2], words[1::2]))

    def change(self, *argv):
        done = self.ctl(*argv)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def changes(self):
        return json.loads(self.change("changes", "--json"))["changes"]

    def start_kept(self, *options):
        """The state folder outlives the control process in any case: it lies beside its socket."""
        self.start_dataplane()
        self.start_control(*options)
        self.wait_generation(1)

    def test_a_key_is_added_and_revoked_without_an_apply(self):
        self.start_kept()
        out = self.change("key", "add", "acme", "k2", "--digest", self.OTHER, "--expires", "2040-01-01T00:00:00Z")
        self.assertIn("key added: 2 workers act on it", out)
        delta = self.delta()
        self.assertEqual((delta["op"], delta["digest"], delta["expires"]), ("1", self.OTHER, "2208988800"))
        out = self.change("key", "revoke", "acme", "k1")
        self.assertIn("key revoked: 2 workers act on it", out)
        delta = self.delta()
        self.assertEqual((delta["count"], delta["op"], delta["digest"]), ("2", "2", DIGEST))
        self.assertEqual(self.generation(), 1)
        self.assertEqual([(c["what"], c["key"]) for c in self.changes()], [("key add", "k2"), ("key revoke", "k1")])
        self.assertIn("2 changes by command lie over the file", self.ctl("status").stdout)
        explained = json.loads(self.ctl("explain", "GET http://api.example/v1/orders/1", "--key", KEY, "--json").stdout)
        self.assertEqual(explained["reason"], "key_unknown")

    def test_a_new_key_is_shown_once_and_let_in(self):
        self.start_kept()
        out = self.change("key", "add", "acme", "k2", "--prefix", "ak_live_x")
        key = out.split()[0]
        self.assertTrue(key.startswith("ak_live_x"))
        self.assertEqual(self.delta()["digest"], hashlib.sha256(key.encode()).hexdigest())
        self.assertNotIn(key, self.change("changes"))
        with open(self.path("c.sock.state/changes.json"), encoding="utf-8") as f:
            self.assertNotIn(key, f.read())

    def test_what_cannot_be_changed_is_refused_with_its_reason(self):
        self.write(config(consumers=ACME % "bronze" + ', { name = "globex"; plan = "gold"; }'))
        self.start_kept()
        for argv, why in ((("key", "add", "nobody", "k1", "--digest", self.OTHER), "no consumer is named 'nobody'"),
                (("key", "add", "acme", "k1", "--digest", self.OTHER), "has a key 'k1' already"),
                (("key", "add", "globex", "k1", "--digest", DIGEST), "is consumer acme's already"),
                (("key", "add", "acme", "k2", "--digest", "abc"), "64 hexadecimal digits"),
                (("key", "add", "acme", "k2", "--digest", self.OTHER, "--expires", "soon"), "expires is a date"),
                (("key", "revoke", "acme", "k9"), "has no key 'k9'"),
                (("key", "revoke", "--digest", self.OTHER), "no consumer has a key with this sha256"),
                (("endpoint", "weight", "shop", "10.0.0.99:8080", "1"), "has no endpoint 10.0.0.99:8080"),
                (("endpoint", "drain", "nothing", "10.0.0.21:8080"), "no backend is named 'nothing'")):
            done = self.ctl(*argv)
            self.assertEqual(done.returncode, 1, argv)
            self.assertIn(why, done.stderr)
        self.assertEqual(self.ctl("endpoint", "weight", "shop", "10.0.0.21:8080", "1001").returncode, 2)
        self.assertEqual(self.changes(), [])
        self.assertEqual(self.delta()["count"], "0")

    def test_weights_are_changed_and_shown(self):
        self.start_kept()
        self.change("endpoint", "weight", "shop", "10.0.0.22:8080", "9")
        self.assertIn("endpoint drained: 2 workers act on it", self.change("endpoint", "drain", "shop", "10.0.0.21:8080"))
        delta = self.delta()
        self.assertEqual((delta["count"], delta["op"], delta["endpoint"], delta["weight"]), ("2", "4", "0", "0"))
        stats = json.loads(self.ctl("stats", "--backends", "--json").stdout)
        self.assertEqual([e["weight"] for e in stats["backends"][0]["endpoints"]], [0, 9])

    def test_the_answer_comes_when_all_workers_act_on_it(self):
        self.start_kept()
        self.dataplane.ask("unsettled 1")
        with subprocess.Popen([CTL, "endpoint", "drain", "shop", "10.0.0.21:8080", "--socket", self.path("d.sock"),
                "--control-socket", self.path("c.sock")], stdout=subprocess.PIPE, text=True) as ctl:
            eventually(lambda: self.delta()["count"] == "1", "the change")
            under_way = self.status()["control"]["under_way"]
            self.assertEqual(under_way["step"], "changing")
            self.assertIsNone(ctl.poll())
            self.dataplane.ask("unsettled 0")
            self.assertIn("drained", ctl.communicate(timeout=20)[0])
            self.assertEqual(ctl.returncode, 0)

    def test_changes_lie_over_applies(self):
        self.start_kept()
        self.change("endpoint", "drain", "shop", "10.0.0.21:8080")
        self.change("key", "revoke", "acme", "k1")
        self.write(config(weight=8, rate="20/s"))
        out = self.ctl("apply", self.path("s.conf")).stdout
        self.assertIn("2 changes by command lie over it", out)
        self.assertIn("10.0.0.21:8080=0 ", self.dataplane.ask("weights"))
        explained = json.loads(self.ctl("explain", "GET http://api.example/v1/orders/1", "--key", KEY, "--json").stdout)
        self.assertEqual(explained["reason"], "key_unknown")
        out = self.change("changes", "forget", "1")
        self.assertIn("1 change by command lies over it", out)
        self.assertIn("10.0.0.21:8080=8 ", self.dataplane.ask("weights"))
        self.change("changes", "forget", "all")
        self.assertEqual(self.changes(), [])
        explained = json.loads(self.ctl("explain", "GET http://api.example/v1/orders/1", "--key", KEY, "--json").stdout)
        self.assertNotEqual(explained["reason"], "key_unknown")

    def test_a_new_dataplane_gets_changes_with_the_generation_that_ran(self):
        self.start_kept()
        self.change("endpoint", "drain", "shop", "10.0.0.21:8080")
        self.change("key", "revoke", "acme", "k1")
        self.dataplane.kill()
        self.start_dataplane()
        self.wait_generation(2)
        self.assertIn("10.0.0.21:8080=0 ", self.dataplane.ask("weights"))
        self.assertNotIn(DIGEST, self.dataplane.ask("keys"))
        self.assertEqual(self.dataplane.ask("parts"), "gateway=1 routing=1 callers=2 endpoints=2")
        # From the first request on: nothing is left for a delta, and the next change is one.
        self.assertEqual(self.delta()["count"], "0")
        self.change("key", "add", "acme", "k1", "--digest", DIGEST)
        self.assertEqual((self.delta()["count"], self.delta()["digest"]), ("1", DIGEST))

    def test_a_generation_that_waits_for_a_dataplane_gets_changes_too(self):
        self.start_control()
        eventually(lambda: os.path.exists(self.path("c.sock")), "control")
        self.assertIn("the next one gets it", self.change("endpoint", "drain", "shop", "10.0.0.21:8080"))
        self.write(config(weight=8))
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.change("key", "revoke", "acme", "k1")
        self.start_dataplane()
        eventually(lambda: self.generation() > 0, "a generation")
        self.assertIn("10.0.0.21:8080=0 ", self.dataplane.ask("weights"))
        self.assertNotIn(DIGEST, self.dataplane.ask("keys"))
        self.assertEqual(self.delta()["count"], "0")

    def test_a_full_ring_is_followed_by_another(self):
        self.start_kept()
        self.change("endpoint", "weight", "shop", "10.0.0.22:8080", "7")
        for n in range(1, RING_RECORDS + 1):
            answer = self.change_weight(1 + n % 2)
            self.assertEqual(answer.get("workers"), 2, answer)
        # The last one did not fit: the new ring begins with all that the generation does not hold.
        self.assertEqual(int(self.delta()["count"]), RING_RECORDS + 2)
        self.assertEqual((self.delta()["endpoint"], self.delta()["weight"]), ("0", "1"))
        self.assertEqual(self.generation(), 1)
        stats = json.loads(self.ctl("stats", "--backends", "--json").stdout)
        self.assertEqual([e["weight"] for e in stats["backends"][0]["endpoints"]], [1, 7])
        self.change_weight(3)
        self.assertEqual(int(self.delta()["count"]), RING_RECORDS + 3)

    def change_weight(self, weight):
        """As sluicectl asks it, without a process for each."""
        request = {"command": "change", "what": "endpoint weight", "of": "shop", "name": "10.0.0.21:8080", "weight": weight}
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path("c.sock"))
            s.sendall(json.dumps(request).encode() + b"\n")
            with s.makefile("r", encoding="utf-8") as answer:
                return json.loads(answer.readline())

    def test_a_new_control_makes_them_part_of_a_generation(self):
        self.start_kept()
        self.change("endpoint", "drain", "shop", "10.0.0.21:8080")
        self.change("key", "revoke", "acme", "k1")
        self.stop_control(signal.SIGKILL)
        self.start_control()
        self.wait_generation(2)
        self.assertIn("10.0.0.21:8080=0 ", self.dataplane.ask("weights"))
        self.assertEqual([c["what"] for c in self.changes()], ["endpoint weight", "key revoke"])
        self.change("endpoint", "weight", "shop", "10.0.0.21:8080", "4")
        self.assertEqual(self.delta()["weight"], "4")

    def test_without_a_dataplane_a_change_waits_for_one(self):
        self.start_kept()
        self.dataplane.kill()
        eventually(lambda: not self.status()["control"]["attached"], "its end")
        out = self.change("key", "revoke", "acme", "k1")
        self.assertIn("no dataplane is there; the next one gets it", out)
        self.start_dataplane()
        self.wait_generation(2)
        self.assertNotIn(DIGEST, self.dataplane.ask("keys"))
        self.assertEqual(self.delta()["count"], "0")

    def test_changes_that_cannot_be_read_keep_control_from_starting(self):
        os.mkdir(self.path("c.sock.state"), 0o700)
        with open(self.path("c.sock.state/changes.json"), "w", encoding="utf-8") as f:
            f.write('[{"number": 1, "what": "key revoke"}]')
        self.start_control()
        self.assertEqual(self.control.wait(20), 1)
        self.assertIn("keys that were revoked would work again", self.control.stderr.read())

    def test_a_refused_change_is_told_and_made_by_the_next_apply(self):
        self.start_kept()
        self.dataplane.ask("deltas-refused 1")
        done = self.ctl("endpoint", "drain", "shop", "10.0.0.21:8080")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the next apply makes it", done.stderr)
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertIn("10.0.0.21:8080=0 ", self.dataplane.ask("weights"))

    def test_changes_of_one_endpoint_are_one(self):
        self.start_kept()
        for weight in range(1, 6):
            self.change("endpoint", "weight", "shop", "10.0.0.21:8080", str(weight))
        self.assertEqual(self.delta()["weight"], "5")
        self.assertEqual(len(self.changes()), 1)


class Ctl(Case):
    def test_stats(self):
        self.start()
        self.dataplane.ask("requests 42")
        tree = json.loads(self.ctl("stats", "--json").stdout)
        self.assertEqual(tree["totals"]["requests"], 42)
        self.assertEqual(tree["consumers"][0] | {"last_seen": 0}, {"name": "acme", "plan": "bronze",
            "requests": 42, "limited": 0, "bytes_out": 0, "last_seen": 0})
        self.assertEqual(tree["apis"][0]["status_2xx"], 42)
        self.assertAlmostEqual(tree["apis"][0]["latency_us"]["p99"], 1500, delta=100)
        self.assertEqual(tree["reasons"]["proxied"], 42)
        text = self.ctl("stats", "--consumer", "acme").stdout
        self.assertRegex(text, r"acme +bronze +42")
        self.assertNotIn("Workers", text)

    def test_loads_latencies_and_shares_are_of_late(self):
        self.start()
        self.dataplane.ask("requests 100")
        self.assertIsNone(json.loads(self.ctl("stats", "--json").stdout)["over_s"], "no time has passed yet")
        self.dataplane.ask("later")
        self.dataplane.ask("latency 50000 1")
        self.dataplane.ask("requests 10")
        self.dataplane.ask("idle 30000")
        for view, load, p50, share in (([], 25, 50000, 100), (["--since-start"], 100 * 110 / 140, 1500, 100 / 11)):
            tree = json.loads(self.ctl("stats", "--json", *view).stdout)
            self.assertAlmostEqual(tree["stages"]["load_percent"], load, delta=0.1)
            self.assertAlmostEqual(tree["stages"]["cycles_per_request"], 1000)
            self.assertAlmostEqual(tree["apis"][0]["latency_us"]["p50"], p50, delta=p50 / 16)
            self.assertAlmostEqual(tree["backends"][0]["endpoints"][1]["share_percent"], share, places=4)
            self.assertEqual((tree["totals"]["requests"], tree["apis"][0]["requests"]), (110, 110), "counts are all")
            status = json.loads(self.ctl("status", "--json", *view).stdout)["dataplane"]
            self.assertAlmostEqual(status["stages"]["load_percent"], load, delta=0.1)
            self.assertEqual(status["over_s"] is None, bool(view))
            top = json.loads(self.ctl("top", "--json", "--count", "1", "--interval", "0.1", *view).stdout)
            self.assertAlmostEqual(top["now"]["apis"][0]["latency_us"]["p50"], p50, delta=p50 / 16)
            words = "all since the start" if view else "the last "
            for command in (["status"], ["stats"], ["top", "--count", "1", "--interval", "0.1"]):
                self.assertIn(words, self.ctl(*command, *view).stdout, command)

    def test_every_view_fits_a_terminal(self):
        self.start()
        self.dataplane.ask("requests 40000")
        self.dataplane.ask("missteer 100000")
        for command in (["status"], ["stats"], ["top", "--count", "1", "--interval", "0.1"], ["check", self.path("s.conf")],
                ["explain", "GET http://api.example/v1/orders/7?x=1", "--key", KEY],
                ["explain", "GET http://api.example/v1/orders/7?x=1"], ["explain", "--consumer", "acme"], ["--help"],
                ["key", "new"]):
            done = self.ctl(*command)
            self.assertGreater(len(done.stdout), 20, done.stderr)
            for line in done.stdout.splitlines():
                # A key's line for the configuration is one that is copied.
                self.assertTrue(len(line) <= 80 or "sha256" in line, f"{command}: {len(line)}: {line}")

    def test_explain_a_consumer_without_its_key(self):
        self.start()
        self.dataplane.ask(f"word acme 3 {(int(time.time()) // 86400 & 0xffffff) << 40 | 9990}")
        told = self.explain("--consumer", "acme")
        self.assertEqual((told["consumer"], told["plan"]), ("acme", "bronze"))
        self.assertEqual([limit["left"] for limit in told["limits"]], [5, 10])
        told = self.explain("GET http://api.example/v1/orders/7", "--consumer", "acme")
        self.assertEqual((told["reason"], told["backend"]), ("proxied", "shop"))
        text = self.ctl("explain", "--consumer", "acme").stdout
        self.assertRegex(text, r"10 left now, begins again\s+in (\d+ h|\d+ min|\d+ s)")
        self.assertIn("1 key,", text)
        self.assertEqual(self.ctl("explain", "--consumer", "nobody").returncode, 1)
        self.assertEqual(self.ctl("explain", "--consumer", "acme", "--key", KEY).returncode, 2)
        self.assertEqual(self.ctl("explain").returncode, 2)

    def explain(self, *argv):
        done = self.ctl("explain", *argv, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(KEY, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_explain_names_every_step_and_takes_nothing(self):
        self.start()
        self.dataplane.ask(f"word acme 3 {(int(time.time()) // 86400 & 0xffffff) << 40 | 9990}")
        before = self.dataplane.ask("line acme")
        for _ in range(3):
            told = self.explain("GET http://api.example/v1/orders/7?x=1", "--key", KEY)
        self.assertEqual(self.dataplane.ask("line acme"), before)
        self.assertEqual((told["listener"], told["api"], told["route"], told["credential"], told["consumer"],
            told["key_id"], told["plan"], told["backend"], told["reason"]), ("web", "orders", "/v1/orders/*",
            "key", "acme", "k1", "bronze", "shop", "proxied"))
        self.assertEqual([limit["left"] for limit in told["limits"]], [5, 10])
        self.assertEqual([e["share_percent"] for e in told["endpoints"]], [62.5, 37.5])

    def test_an_ejected_endpoint_is_told(self):
        self.start()
        self.dataplane.ask("eject 3600000")
        told = self.explain("GET http://api.example/v1/orders/7?x=1", "--key", KEY)
        self.assertEqual([e["ejected"] for e in told["endpoints"]], [1, 0])
        self.assertTrue(0 < told["endpoints"][0]["next_probe_ms"] <= 3600000)
        self.assertIsNone(told["endpoints"][1]["next_probe_ms"])
        self.assertIn("ejected by 1 of 2 workers", json.dumps(told["steps"]))
        stats = json.loads(self.ctl("stats", "--backends", "--json").stdout)
        ends = stats["backends"][0]["endpoints"]
        self.assertEqual([e["ejected"] for e in ends], [1, 0])
        self.assertTrue(0 < ends[0]["next_probe_ms"] <= 3600000)
        self.assertRegex(self.ctl("stats", "--backends").stdout, r"10\.0\.0\.21:8080 +ejected 3[0-9]{3}\.[0-9] s")
        self.dataplane.ask("eject 0")
        self.assertRegex(self.ctl("stats", "--backends").stdout, r"10\.0\.0\.21:8080 +up")

    def test_an_endpoint_that_is_down_is_told(self):
        self.start()
        self.dataplane.ask("down 503")
        told = self.explain("GET http://api.example/v1/orders/7?x=1", "--key", KEY)
        self.assertEqual([e["down"] for e in told["endpoints"]], [True, False])
        self.assertRegex(json.dumps(told["steps"]), r"10\.0\.0\.21:8080: down by its health checks for 5\.[0-9] s \(status 503\)")
        stats = json.loads(self.ctl("stats", "--backends", "--json").stdout)
        ends = stats["backends"][0]["endpoints"]
        self.assertEqual([(e["down"], e["down_reason"]) for e in ends], [(1, "status 503"), (0, None)])
        self.assertRegex(self.ctl("stats", "--backends").stdout, r"10\.0\.0\.21:8080 +down 5\.[0-9] s")
        self.dataplane.ask("down 0")
        for sentence in ("endpoint 10.0.0.21:8080 is down: its health checks fail by status 503",
                "endpoint 10.0.0.21:8080 is up"):
            while sentence not in (line := self.control.stderr.readline()):
                self.assertTrue(line, "the log ended")
        self.assertRegex(self.ctl("stats", "--backends").stdout, r"10\.0\.0\.21:8080 +up")

    def test_explain_says_why_not(self):
        self.start()
        for request, key, reason in (
                ("GET http://api.example/v1/orders/7", "", "key_missing"),
                ("GET http://api.example/v1/orders/7", "ak_live_" + "b" * 32, "key_unknown"),
                ("GET http://api.example/v1/orders/7", "ak_live_B", "key_missing"),
                ("PUT http://api.example/v1/orders/7", KEY, "method_not_allowed"),
                ("GET http://api.example/v2/orders/7", KEY, "route_unknown"),
                ("GET http://other.example/v1/orders/7", KEY, "host_unknown")):
            told = self.explain(request, *(["--key", key] if key else []))
            self.assertEqual(told["reason"], reason)
        self.dataplane.ask(f"word acme 0 {time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 60_000_000_000}")
        self.assertEqual(self.explain("http://api.example/v1/orders/7", "--key", KEY)["reason"], "rate_limited")

    def test_explain_from_a_file_and_a_key_from_standard_input(self):
        done = subprocess.run([CTL, "explain", "http://api.example/v1/orders/", "--config", self.path("s.conf"),
            "--key", "-", "--header", "Accept: */*"], input=KEY + "\n", capture_output=True, text=True, check=True)
        self.assertIn("acme, by its key 'k1'", done.stdout)
        self.assertIn("the backend's", done.stdout)
        self.assertEqual(self.ctl("explain", "GET http://api.example/").returncode, 1)
        self.assertEqual(self.ctl("explain", "api.example/").returncode, 2)

    def test_explain_writes_what_a_worker_writes(self):
        with open(self.path("s.conf"), encoding="utf-8") as f:
            text = f.read()
        with open(self.path("edits.conf"), "w", encoding="utf-8") as f:
            f.write(text.replace('[ "GET" ]', '[ "GET", "OPTIONS" ]').replace('apis = ( {', '''apis = ( {
                request_fields: { add = ( { name = "X-Key"; value = "{field.X-API-Key}"; },
                    { name = "X-Copies"; value = "{field.X-Long}{field.X-Long}{field.X-Long}"; } ); };''', 1))
        base = ("--config", self.path("edits.conf"), "--key", KEY)
        told = self.explain("http://api.example:/v1/orders/7", *base, "--header", "X-Long: " + "a" * 8000)
        self.assertEqual(told["reason"], "proxied")
        self.assertTrue("with X-Key: a value with the key in it" in json.dumps(told["steps"]))
        told = self.explain("http://api.example/v1/orders/7", *base, "--header", "X-Long: " + "a" * 11000)
        self.assertEqual((told["status"], told["reason"]), (431, "head_too_large"))
        told = self.explain("OPTIONS http://api.example/v1/orders/7", *base, "--header", "Max-Forwards: 0")
        self.assertEqual(told["reason"], "max_forwards")

    def test_explain_reads_the_body_that_a_head_announces(self):
        with open(self.path("s.conf"), encoding="utf-8") as f:
            text = f.read()
        with open(self.path("small.conf"), "w", encoding="utf-8") as f:
            f.write(text + 'limits: { body = "1MiB"; };\n')
        for length, reason in ((1 << 20, "proxied"), ((1 << 20) + 1, "body_too_large")):
            told = self.explain("http://api.example/v1/orders/", "--config", self.path("small.conf"), "--key", KEY,
                "--header", f"Content-Length: {length}")
            self.assertEqual(told["reason"], reason)
        self.assertIn("1048577 bytes are announced, which is more than 'limits.body' allows",
            json.dumps(told["steps"]))

    def test_top(self):
        self.start()
        done = self.ctl("top", "--count", "1", "--interval", "0.2")
        self.assertEqual(done.returncode, 0)
        self.assertIn("requests/s", done.stdout)

    def test_nothing_is_printed_as_it_came(self):
        self.start()
        for raw, shown in (("red \x1b[31m", r"red \x1b[31m"), ("turned \u202egnp.exe", r"turned \u202egnp.exe"),
                ("c1 \u009b2J", r"c1 \u009b2J"), ("bell\x07", r"bell\x07"), ("del\x7f", r"del\x7f"), ("für", "für")):
            self.dataplane.ask(f"refuse {raw}")
            self.assertIn(shown, self.ctl("apply").stderr)
            self.assertIn(shown, self.ctl("status").stdout)
            told = self.ctl("status", "--json").stdout
            self.assertTrue(told.isascii() and "\x1b" not in told)
            self.assertEqual(json.loads(told)["control"]["refusal"], raw)
        for done in (self.ctl("explain", "http://api.example/v1/orders/1", "--consumer", "\x1b[2J"),
                self.ctl("stats", "--consumer", "\x1b[2J")):
            self.assertIn(r"'\x1b[2J'", done.stdout + done.stderr)
        with open(self.path("odd.conf"), "w", encoding="utf-8") as f:
            f.write('version = "\x1b[2J";')
        self.assertIn(r"'\x1b[2J'", self.ctl("check", self.path("odd.conf")).stderr)
        self.assertIn(r"'\x1b[2J'", self.ctl("apply", self.path("odd.conf")).stderr)
        for name in (b"del\x7f", b"latin \xfc", "für".encode()):
            told = json.loads(self.ctl("check", "--json", name).stdout)
            self.assertEqual((told["file"], told["ok"]),
                (name.decode(errors="backslashreplace"), False))
        made = self.ctl("check", "no\x1b]0;title\x07such\x9b")
        self.assertEqual(made.returncode, 1)
        self.assertNotRegex(made.stderr + made.stdout, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_nobody_there(self):
        for command in (("stats",), ("top",)):
            done = self.ctl(*command)
            self.assertEqual(done.returncode, 1)
            self.assertIn("start sluice-dataplane", done.stderr)
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no sluice-control", done.stderr)
        self.assertEqual(self.ctl("status").returncode, 1)

    def test_wrong_usage(self):
        for argv in ((), ("dance",), ("status", "--frob"), ("key",), ("top", "--interval", "x")):
            self.assertEqual(self.ctl(*argv).returncode, 2, argv)

    def test_new_keys_are_what_they_claim(self):
        made = json.loads(self.ctl("key", "new", "--json").stdout)
        self.assertRegex(made["key"], r"^ak_live_[A-Za-z0-9]{32}$")
        done = subprocess.run([CTL, "key", "digest"], input=made["key"], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), made["sha256"])

    def test_garbage_on_the_control_socket(self):
        self.start()
        for text in (b"\n", b"{}\n", b"{\"command\": 7}\n", b"\xff\xfe\n", b"[" * 60000 + b"\n", b"x" * 70000):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.path("c.sock"))
                s.sendall(text)
                self.assertIn(b"error", s.recv(1000))
        self.assertEqual(os.stat(self.path("c.sock")).st_mode & 0o777, 0o660)
        self.assertEqual(self.status()["control"]["state"], "applied")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[4:])
