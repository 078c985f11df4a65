#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sluice-control while one of its jobs takes long: its loop answers, its ends are clean.

    jobs_test.py SLUICE-CONTROL SLUICECTL FAKE-DATAPLANE

A job takes as long as a test wants: the threads of jobs are stopped with ptrace(), one by one, while the loop's
goes on. So what a test shows follows from the order of events and from no speed.
"""
import json
import os
import select
import signal
import socket
import sys
import unittest

from processes_test import Case, config, eventually

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bed"))
from stopped_jobs import WALL, Jobs, may_trace  # noqa: E402


class Question:
    """A line to sluice-control, whose answer may be long in coming."""

    def __init__(self, path, **request):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.socket.sendall(json.dumps(request).encode() + b"\n")

    def is_answered(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def answer(self):
        with self.socket, self.socket.makefile() as lines:
            return json.loads(lines.readline())


@unittest.skipUnless(may_trace(), "ptrace() is not allowed here")
class StoppedJobs(Case):
    def setUp(self):
        super().setUp()
        self.jobs = None
        self.start()
        eventually(lambda: self.under_way() is None, "the first record")

    def tearDown(self):
        if self.control and self.control.poll() is None:
            self.control.kill()
        if self.jobs:
            self.jobs.go_on()
        super().tearDown()

    def stop_jobs(self):
        self.jobs = Jobs(self.control.pid)
        self.assertGreaterEqual(len(self.jobs.threads), 2) # a sanitizer may have its own

    def ask(self, **request):
        question = Question(self.path("c.sock"), **request)
        self.addCleanup(question.socket.close)
        return question

    def control_status(self):
        return self.ask(command="status").answer()["status"]

    def under_way(self):
        return self.control_status()["under_way"]

    def wait_step(self, step):
        eventually(lambda: (self.under_way() or {}).get("step") == step, step)

    def write_as(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def weight(self):
        return int(self.dataplane.ask("weights").split()[0].split("=")[1])

    def test_status_statistics_and_the_log_go_on_while_a_file_is_read(self):
        self.write(config(weight=7))
        self.stop_jobs()
        apply = self.ask(command="apply")
        self.wait_step("reading")
        status = self.control_status()
        self.assertEqual(status["under_way"], {"step": "reading", "file": self.path("s.conf"), "queued": 0})
        self.assertEqual((status["state"], status["generation"]), ("applying", 1))
        self.assertIn(f"under way   reading {self.path('s.conf')}", self.ctl("status").stdout.replace("\n            ", " "))
        self.dataplane.ask("requests 42")
        eventually(lambda: len(self.log_lines()) == 42, "lines")
        self.assertEqual(json.loads(self.ctl("stats", "--json").stdout)["totals"]["requests"], 42)
        os.rename(self.path("access.log"), self.path("access.log.1"))
        self.assertTrue(self.ask(command="reopen").answer()["ok"])
        self.dataplane.ask("requests 7")
        eventually(lambda: len(self.log_lines()) == 7, "lines in the new file")
        self.assertFalse(apply.is_answered())
        self.assertEqual(self.weight(), 5)
        self.jobs.go_on()
        answer = apply.answer()
        self.assertEqual((answer["ok"], answer["generation"], answer["workers"]), (True, 2, 2))
        self.assertEqual(self.weight(), 7)
        self.assertIsNone(self.under_way())

    def test_an_apply_is_answered_when_it_is_recorded_and_the_log_goes_on_meanwhile(self):
        other = self.write_as("other.conf", config(weight=8))
        self.stop_jobs()
        apply = self.ask(command="apply", file=other)
        self.wait_step("reading")
        # The record's job needs a thread, too: stopped again as soon as the dataplane is asked.
        self.dataplane.process.send_signal(signal.SIGSTOP)
        self.jobs.go_on()
        self.wait_step("sent")
        self.stop_jobs()
        self.dataplane.process.send_signal(signal.SIGCONT)
        self.wait_step("recording")
        self.assertEqual(self.control_status()["state"], "applied")
        self.assertEqual(self.weight(), 8)
        self.dataplane.ask("requests 42")
        eventually(lambda: len(self.log_lines()) == 42, "lines")
        self.assertFalse(apply.is_answered())
        self.assertEqual(os.listdir(self.path("c.sock.state")), [])
        self.jobs.go_on()
        self.assertTrue(apply.answer()["ok"])
        self.assertEqual(os.listdir(self.path("c.sock.state")), ["applied.json"])

    def test_applies_wait_in_order_and_few_of_them(self):
        self.stop_jobs()
        files = [self.write_as(f"{i}.conf", config(weight=10 + i)) for i in range(6)]
        applies = []
        for n, file in enumerate(files[:5]):
            applies.append(self.ask(command="apply", file=file))
            eventually(lambda n=n: (self.under_way() or {}).get("queued") == n, "its place")
        refused = self.ask(command="apply", file=files[5]).answer()
        self.assertEqual(refused["error"], "another apply is under way, and 4 more wait: no more are taken")
        self.assertIn("4 more applies wait", self.ctl("status").stdout)
        applies[2].socket.close() # it is not done then
        eventually(lambda: self.under_way()["queued"] == 3, "a place that is free again")
        self.jobs.go_on()
        self.assertEqual([a.answer()["generation"] for i, a in enumerate(applies) if i != 2], [2, 3, 4, 5])
        self.assertEqual(self.weight(), 14)

    def test_a_client_that_goes_leaves_its_apply(self):
        self.stop_jobs()
        self.write(config(weight=9))
        apply = self.ask(command="apply")
        self.wait_step("reading")
        apply.socket.close()
        self.jobs.go_on()
        self.wait_generation(2)
        self.assertEqual(self.weight(), 9)
        self.assertTrue(self.ask(command="apply").answer()["ok"])

    def test_many_signals_are_one_more_reading(self):
        self.write(config(weight=6))
        self.stop_jobs()
        self.control.send_signal(signal.SIGHUP)
        self.wait_step("reading")
        for _ in range(5):
            self.control.send_signal(signal.SIGHUP)
            self.under_way() # it was taken
        self.write(config(weight=7))
        self.jobs.go_on()
        eventually(lambda: self.weight() == 7 and self.under_way() is None, "the file's last state")
        self.assertLessEqual(self.generation(), 3)
        self.assertLessEqual(self.stop_control().count(f"reading {self.path('s.conf')} again"), 2)

    def test_a_new_dataplane_waits_for_what_is_read_and_gets_that(self):
        self.stop_jobs()
        self.write(config(weight=9))
        apply = self.ask(command="apply")
        self.wait_step("reading")
        self.dataplane.kill()
        eventually(lambda: not self.control_status()["attached"], "notice")
        self.start_dataplane()
        eventually(lambda: self.control_status()["attached"], "the new one")
        self.assertEqual(self.generation(), 0)
        self.assertFalse(apply.is_answered())
        self.jobs.go_on()
        answer = apply.answer()
        self.assertEqual((answer["generation"], answer["workers"]), (2, 2))
        self.assertEqual(self.weight(), 9)

    def test_a_dataplane_that_goes_leaves_the_apply_for_the_next(self):
        self.stop_jobs()
        self.write(config(weight=9))
        apply = self.ask(command="apply")
        self.wait_step("reading")
        self.dataplane.kill()
        eventually(lambda: not self.control_status()["attached"], "notice")
        self.jobs.go_on()
        self.assertEqual((lambda a: (a["generation"], a.get("pending")))(apply.answer()), (2, True))
        self.start_dataplane()
        self.wait_generation(2)
        self.assertEqual(self.weight(), 9)

    def kill_in(self, step):
        """An apply of another file, killed in the middle. @return what was recorded before"""
        first = self.write_as("first.conf", config(weight=6))
        self.assertTrue(self.ask(command="apply", file=first).answer()["ok"])
        with open(self.path("c.sock.state/applied.json"), encoding="utf-8") as f:
            before = f.read()
        second = self.write_as("second.conf", config(weight=7))
        if step == "recording":
            self.dataplane.process.send_signal(signal.SIGSTOP)
        else:
            self.stop_jobs()
        self.ask(command="apply", file=second)
        if step == "recording":
            self.wait_step("sent")
            self.stop_jobs()
            self.dataplane.process.send_signal(signal.SIGCONT)
        self.wait_step(step)
        self.control.send_signal(signal.SIGKILL)
        self.jobs.go_on()
        self.stop_control(signal.SIGKILL)
        with open(self.path("c.sock.state/applied.json"), encoding="utf-8") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(os.listdir(self.path("c.sock.state")), ["applied.json"])

    def test_a_kill_while_a_file_is_read_leaves_all_as_it_was(self):
        self.kill_in("reading")
        self.assertEqual((self.generation(), self.weight()), (2, 6))
        self.start_control()
        eventually(lambda: (self.status()["control"] or {}).get("state") == "applied", "take-over")
        self.assertEqual((self.generation(), self.weight()), (2, 6))
        self.assertEqual(self.control_status()["config"], self.path("first.conf"))

    def test_a_kill_while_it_is_recorded_leaves_the_record_before(self):
        self.kill_in("recording")
        self.assertEqual((self.generation(), self.weight()), (3, 7))

    def ended(self):
        """Wait for the end of a process whose threads are traced. @return its exit status"""
        def reaped():
            for thread in list(self.jobs.threads):
                if os.waitpid(thread, WALL | os.WNOHANG)[0]:
                    self.jobs.threads.remove(thread)
            return self.control.poll() is not None
        eventually(reaped, "the end", 40)
        return self.control.returncode

    def test_a_stop_does_not_wait_for_ever(self):
        self.stop_jobs()
        apply, queued = self.ask(command="apply"), self.ask(command="apply")
        eventually(lambda: (self.under_way() or {}).get("queued") == 1, "both")
        self.control.send_signal(signal.SIGTERM)
        self.assertEqual(self.ended(), 0)
        for question in (apply, queued):
            self.assertIn("was ended before this was done", question.answer()["error"])
        self.assertFalse(os.path.exists(self.path("c.sock")))
        self.assertEqual((self.generation(), self.weight()), (1, 5))
        self.assertIn(f"stopped in the middle of reading {self.path('s.conf')}, which took longer than 5 s", self.stop_control())

    def test_a_stop_lets_a_job_end(self):
        self.stop_jobs()
        other = self.write_as("other.conf", config(weight=8))
        self.dataplane.process.send_signal(signal.SIGSTOP)
        apply = self.ask(command="apply", file=other)
        self.jobs.go_on()
        self.wait_step("sent")
        self.stop_jobs()
        self.dataplane.process.send_signal(signal.SIGCONT)
        self.wait_step("recording")
        self.control.send_signal(signal.SIGTERM)
        self.under_way() # it still answers
        self.jobs.go_on()
        self.assertTrue(apply.answer()["ok"])
        self.assertNotIn("in the middle", self.stop_control())
        self.assertEqual(os.listdir(self.path("c.sock.state")), ["applied.json"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[4:])
