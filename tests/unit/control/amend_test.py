#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Consumers and endpoints that commands add, remove and change, as processes against a dataplane without packets.

    amend_test.py SLUICE-CONTROL SLUICECTL FAKE-DATAPLANE
"""
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

from processes_test import ACME, CTL, DIGEST, KEY, Case, config, eventually

OTHER = "ab" * 32
GOLD = '{ name = "globex"; plan = "gold"; keys = ( { id = "k1"; sha256 = "' + "cd" * 32 + '"; } ); }'
FIRST, SECOND, THIRD = (f"10.0.0.{n}:8080" for n in (21, 22, 23))


class Amend(Case):
    def change(self, *argv):
        done = self.ctl(*argv)
        self.assertEqual(done.returncode, 0, (argv, done.stderr))
        return done.stdout

    def refused(self, *argv):
        done = self.ctl(*argv)
        self.assertEqual(done.returncode, 1, (argv, done.stdout))
        return done.stderr

    def changes(self):
        return json.loads(self.change("changes", "--json"))["changes"]

    def whats(self):
        return [c["what"] for c in self.changes()]

    def line(self, consumer):
        line = self.dataplane.ask(f"line {consumer}")
        return "none" if line == "what?" else line

    def weights(self):
        return dict(pair.split("=") for pair in self.dataplane.ask("weights").split())

    def reason(self, key=KEY):
        answer = self.ctl("explain", "GET http://api.example/v1/orders/1", "--key", key, "--json").stdout
        return json.loads(answer)["reason"]

    def restart_dataplane(self):
        self.dataplane.kill()
        eventually(lambda: not self.status()["control"]["attached"], "its end")
        self.start_dataplane()
        eventually(lambda: self.generation() > 0, "a generation")

    def restart_control(self):
        self.stop_control(signal.SIGKILL)
        self.start_control()
        eventually(lambda: (self.status()["control"] or {}).get("state") == "applied", "take-over")


class Consumers(Amend):
    def test_a_consumer_is_added_with_a_key_and_removed(self):
        self.start()
        self.assertIn("consumer added: 2 workers act on it", self.change("consumer", "add", "globex", "--plan", "gold"))
        self.assertEqual(self.line("globex"), "gold 0 0 0 0 0")
        self.assertEqual(self.dataplane.ask("parts"), "gateway=1 routing=1 callers=2 endpoints=1")
        key = "ak_live_" + "b" * 32
        self.change("key", "add", "globex", "k1", "--digest", hashlib.sha256(key.encode()).hexdigest())
        self.assertNotEqual(self.reason(key), "key_unknown")
        self.assertEqual(self.dataplane.ask("delta").split()[:2], ["count", "1"])
        self.change("consumer", "remove", "globex")
        self.assertEqual(self.line("globex"), "none")
        self.assertEqual(self.reason(key), "key_unknown")
        self.assertEqual(self.dataplane.ask("keys"), DIGEST)
        self.assertEqual(self.whats(), ["consumer remove"], "the key went with its consumer")

    def test_a_removed_consumers_keys_are_gone_and_come_back_only_with_the_files_consumer(self):
        self.write(config(consumers=", ".join([ACME % "bronze", GOLD])))
        self.start()
        self.assertIn("consumer removed", self.change("consumer", "remove", "acme"))
        self.assertEqual(self.dataplane.ask("keys"), "cd" * 32)
        # The other one's key is still its own, though its record has another number.
        self.assertEqual(self.line("globex"), "gold 0 0 0 0 0")
        self.change("consumer", "add", "acme", "--plan", "gold")
        self.change("key", "add", "acme", "k9", "--digest", OTHER)
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(sorted(self.dataplane.ask("keys").split()), sorted([OTHER, "cd" * 32]),
            "an old file lets no key of a removed consumer in")
        self.change("changes", "forget", "all")
        self.assertIn(DIGEST, self.dataplane.ask("keys"))

    def test_a_plan_changes_with_what_its_words_mean(self):
        self.start()
        quota = 20000 << 40 | 77
        self.dataplane.ask("word acme 0 4711")
        self.dataplane.ask(f"word acme 3 {quota}")
        self.assertIn("plan changed: 2 workers act on it", self.change("consumer", "plan", "acme", "gold"))
        self.assertEqual(self.line("acme"), f"gold 4711 0 0 {quota} 0")
        self.assertIn(DIGEST, self.dataplane.ask("keys"))
        # A limit that the plan before did not have begins; no apply or restart begins it again.
        self.change("consumer", "plan", "acme", "bronze")
        self.assertEqual(self.line("acme"), "bronze 4711 0 0 0 0")
        self.dataplane.ask("word acme 3 99")
        self.restart_control()
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.restart_dataplane()
        self.assertEqual(self.line("acme"), "bronze 4711 0 0 99 0")
        self.assertEqual(self.whats(), ["consumer plan"])

    def test_a_consumer_that_comes_back_has_its_limits_back(self):
        self.start()
        quota = 20000 << 40 | 77
        self.dataplane.ask(f"word acme 3 {quota}")
        self.dataplane.ask("requests 3")
        self.change("consumer", "remove", "acme")
        self.change("consumer", "add", "other", "--plan", "bronze")
        self.assertEqual(self.line("other"), "bronze 0 0 0 0 0", "it inherits nothing")
        self.change("consumer", "add", "acme", "--plan", "bronze")
        self.assertEqual(self.line("acme"), f"bronze 0 0 0 {quota} 0", "its counts begin again")

    def test_a_place_is_given_away_only_when_none_is_left(self):
        room = "capacity: { consumers = 2; };"
        self.write(config(capacity=room))
        self.start()
        self.dataplane.ask("word acme 0 4711")
        self.change("consumer", "add", "second", "--plan", "gold")
        self.assertIn("there is room for 2 consumers", self.refused("consumer", "add", "third", "--plan", "gold"))
        self.change("consumer", "remove", "acme")
        self.change("consumer", "add", "third", "--plan", "gold")
        self.assertEqual(self.line("third"), "gold 0 0 0 0 0")

    def test_what_is_laid_over_applies_and_restarts(self):
        self.start()
        self.change("consumer", "add", "globex", "--plan", "bronze")
        self.change("consumer", "plan", "globex", "gold")
        self.change("key", "add", "globex", "k1", "--digest", OTHER)
        self.change("consumer", "remove", "acme")

        def holds():
            self.assertEqual(self.line("globex").split()[0], "gold")
            self.assertEqual((self.line("acme"), self.dataplane.ask("keys")), ("none", OTHER))
        holds()
        self.assertEqual(self.whats(), ["consumer add", "key add", "consumer remove"])
        self.write(config(weight=9))
        self.assertIn("3 changes by command lie over it", self.ctl("apply").stdout)
        holds()
        self.restart_dataplane()
        holds()
        self.restart_control()
        holds()
        self.change("changes", "forget", "all")
        self.assertEqual((self.line("globex"), self.dataplane.ask("keys")), ("none", DIGEST))

    def test_what_a_file_does_not_have_rests(self):
        self.start()
        self.change("consumer", "add", "globex", "--plan", "gold")
        self.change("consumer", "plan", "acme", "gold")
        with open(self.path("s.conf"), encoding="utf-8") as f:
            whole = f.read()
        self.write("".join(line + "\n" for line in whole.splitlines() if '"gold"' not in line).replace("} ); },\nconsumers",
            "} ); } );\nconsumers"))
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertEqual((self.line("globex"), self.line("acme").split()[0]), ("none", "bronze"))
        self.write(whole)
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual((self.line("globex").split()[0], self.line("acme").split()[0]), ("gold", "gold"))

    def test_what_cannot_be_changed_is_refused_with_its_reason(self):
        self.start()
        for argv, why in ((("consumer", "add", "acme", "--plan", "gold"), "is there already: 'consumer plan' changes its plan"),
                (("consumer", "add", "globex", "--plan", "golden"), "no plan is named 'golden'; did you mean 'gold'?"),
                (("consumer", "add", "gl obex", "--plan", "gold"), "the consumer must be a name"),
                (("consumer", "add", "a" * 65, "--plan", "gold"), "a name is 1 to 64 characters"),
                (("consumer", "add", "", "--plan", "gold"), "a name is 1 to 64 characters"),
                (("consumer", "plan", "nobody", "gold"), "no consumer is named 'nobody'"),
                (("consumer", "plan", "acme", "bronze"), "has plan 'bronze' already"),
                (("consumer", "plan", "acme", "silver"), "no plan is named 'silver'"),
                (("consumer", "remove", "nobody"), "no consumer is named 'nobody'")):
            self.assertIn(why, self.refused(*argv))
        for argv in (("consumer", "add", "x"), ("consumer", "drop", "x"), ("consumer", "plan", "x")):
            self.assertEqual(self.ctl(*argv).returncode, 2, argv)
        self.assertEqual((self.changes(), self.generation()), ([], 1))

    def test_a_change_that_the_dataplane_refuses_was_never_made(self):
        self.start()
        self.change("key", "add", "acme", "k2", "--digest", OTHER)
        self.dataplane.ask("refuse no memory for keys")
        why = self.refused("consumer", "remove", "acme")
        self.assertIn("no memory for keys; nothing was changed", why)
        self.assertEqual(self.whats(), ["key add"], "and the key of the consumer is still there")
        self.assertEqual(self.line("acme"), "bronze 0 0 0 0 0")
        self.change("consumer", "remove", "acme")
        self.assertEqual(self.line("acme"), "none")

    def test_what_deltas_changed_is_in_the_next_part(self):
        self.start()
        self.change("key", "add", "acme", "k2", "--digest", OTHER)
        self.change("key", "revoke", "acme", "k1")
        self.change("endpoint", "drain", "shop", FIRST)
        self.change("consumer", "add", "globex", "--plan", "gold")
        self.assertEqual(self.dataplane.ask("keys"), OTHER)
        self.assertEqual(self.weights()[FIRST], "0")
        self.change("key", "revoke", "acme", "k2")
        self.change("key", "add", "globex", "k1", "--digest", DIGEST)
        self.change("consumer", "plan", "globex", "bronze")
        self.assertEqual(self.dataplane.ask("keys"), DIGEST)

    def test_without_a_dataplane_changes_wait_for_one_and_build_on_each_other(self):
        self.start_control()
        eventually(lambda: os.path.exists(self.path("c.sock")), "control")
        self.assertIn("the next one gets it", self.change("consumer", "add", "globex", "--plan", "gold"))
        self.change("key", "add", "globex", "k1", "--digest", OTHER)
        self.change("consumer", "remove", "acme")
        self.assertIn("no consumer is named 'acme'", self.refused("consumer", "plan", "acme", "gold"))
        self.start_dataplane()
        eventually(lambda: self.generation() > 0, "a generation")
        self.assertEqual((self.line("globex"), self.dataplane.ask("keys")), ("gold 0 0 0 0 0", OTHER))
        self.dataplane.kill()
        eventually(lambda: not self.status()["control"]["attached"], "its end")
        self.change("consumer", "plan", "globex", "bronze")
        self.change("consumer", "add", "third", "--plan", "gold")
        self.start_dataplane()
        eventually(lambda: self.generation() > 0, "a generation")
        self.assertEqual((self.line("globex"), self.line("third")), ("bronze 0 0 0 0 0", "gold 0 0 0 0 0"))
        self.assertEqual(self.dataplane.ask("keys"), OTHER)

    def test_changes_wait_for_an_apply_and_status_tells_of_them(self):
        self.start()
        self.dataplane.process.send_signal(signal.SIGSTOP)
        with subprocess.Popen([CTL, "consumer", "add", "globex", "--plan", "gold", "--socket", self.path("d.sock"),
                "--control-socket", self.path("c.sock")], stdout=subprocess.PIPE, text=True) as ctl:
            def step():
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(self.path("c.sock"))
                    s.sendall(b'{"command": "status"}\n')
                    with s.makefile() as lines:
                        return (json.loads(lines.readline())["status"]["under_way"] or {}).get("step")
            eventually(lambda: step() == "changing", "the change")
            self.assertIsNone(ctl.poll())
            self.dataplane.process.send_signal(signal.SIGCONT)
            self.assertIn("consumer added: 2 workers act on it", ctl.communicate(timeout=30)[0])


class Endpoints(Amend):
    def test_an_endpoint_is_added_and_removed(self):
        self.start()
        self.assertIn("endpoint added: 2 workers act on it", self.change("endpoint", "add", "shop", THIRD, "--weight", "7"))
        self.assertEqual(self.weights(), {FIRST: "5", SECOND: "3", THIRD: "7"})
        self.assertEqual(self.dataplane.ask("parts"), "gateway=1 routing=1 callers=1 endpoints=2")
        self.assertIn("weight changed", self.change("endpoint", "weight", "shop", THIRD, "9"))
        self.assertEqual(self.generation(), 2, "a weight needs no part")
        self.assertIn("endpoint removed: 2 workers act on it", self.change("endpoint", "remove", "shop", FIRST))
        self.assertEqual(self.weights(), {SECOND: "3", THIRD: "9"})
        self.assertEqual(self.whats(), ["endpoint add", "endpoint remove"])
        stats = json.loads(self.ctl("stats", "--backends", "--json").stdout)
        self.assertEqual([e["name"] for e in stats["backends"][0]["endpoints"]], [SECOND, THIRD])

    def test_endpoints_of_a_backend_stay_beside_each_other(self):
        self.write(config().replace("backends = (", 'backends = ( { name = "before"; endpoints = ( { address = "10.0.0.31:80"; } ); },'))
        self.start()
        self.change("endpoint", "add", "before", "10.0.0.32:80")
        self.change("endpoint", "add", "shop", THIRD)
        self.assertEqual(list(self.weights()), ["10.0.0.31:80", "10.0.0.32:80", FIRST, SECOND, THIRD])

    def test_what_is_laid_over_applies_and_restarts(self):
        self.start()
        self.change("endpoint", "add", "shop", THIRD)
        self.change("endpoint", "weight", "shop", THIRD, "4")
        self.change("endpoint", "remove", "shop", FIRST)
        expected = {SECOND: "3", THIRD: "4"}
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(self.weights(), expected)
        self.restart_dataplane()
        self.assertEqual(self.weights(), expected)
        self.restart_control()
        self.assertEqual(self.weights(), expected)
        self.change("changes", "forget", "all")
        self.assertEqual(self.weights(), {FIRST: "5", SECOND: "3"})

    def test_the_last_endpoint_stays_without_requests(self):
        self.start()
        self.change("endpoint", "remove", "shop", FIRST)
        self.assertIn("is the last endpoint of backend shop: add another one first, or drain it",
            self.refused("endpoint", "remove", "shop", SECOND))
        # A file that has no other one does not let it serve again.
        self.write(config().replace(', { address = "10.0.0.22:8080"; weight = 3; }', ""))
        self.assertEqual(self.ctl("apply").returncode, 0)
        self.assertEqual(self.weights(), {FIRST: "0"})

    def test_what_has_no_network_in_a_file_rests(self):
        self.start()
        self.change("endpoint", "add", "shop", THIRD)
        self.restart_dataplane()
        self.dataplane.kill()
        eventually(lambda: not self.status()["control"]["attached"], "its end")
        text = config()
        for n in ("21", "22"):
            text = text.replace(f"10.0.0.{n}:8080", f"10.9.0.{n}:8080")
        self.write(text.replace("10.0.0.1", "10.9.0.1"))
        done = self.ctl("apply")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.start_dataplane()
        eventually(lambda: self.generation() > 0, "a generation")
        self.assertEqual(set(self.weights()), {"10.9.0.21:8080", "10.9.0.22:8080"})

    def test_what_cannot_be_changed_is_refused_with_its_reason(self):
        self.write(config().replace('"10.0.0.1/24"', '"10.0.0.1/24", "fd00::1/64"'))
        self.start()
        for argv, why in ((("add", "nothing", THIRD), "no backend is named 'nothing'"),
                (("add", "shop", FIRST), "is in the backend already: 'endpoint weight' changes its weight"),
                (("add", "shop", "10.0.0.1:80"), "is Sluice's own address"),
                (("add", "shop", "10.1.0.1:80"), "is in no port's network"),
                (("add", "shop", "[fe80::1]:80"), "is link-local"),
                (("add", "shop", "127.0.0.1:80"), "is a loopback address"),
                (("add", "shop", "224.0.0.1:80"), "is a multicast address"),
                (("add", "shop", "[::ffff:10.0.0.9]:80"), "an IPv4 address: write it as one"),
                (("add", "shop", "10.0.0.23"), "the endpoint must be"),
                (("add", "shop", "be.example:80"), "the endpoint must be"),
                (("add", "shop", "10.0.0.23:0"), "the endpoint must be"),
                (("remove", "shop", THIRD), "backend shop has no endpoint"),
                (("remove", "nothing", FIRST), "no backend is named 'nothing'")):
            self.assertIn(why, self.refused("endpoint", *argv))
        self.assertEqual(self.ctl("endpoint", "add", "shop", THIRD, "--weight", "1001").returncode, 2)
        self.assertEqual(self.ctl("endpoint", "add", "shop", THIRD, "--weight", "-1").returncode, 2)
        self.assertEqual(self.ctl("endpoint", "erase", "shop", THIRD).returncode, 2)
        self.assertEqual((self.changes(), self.generation()), ([], 1))
        # However an address is written it is the same endpoint.
        self.change("endpoint", "add", "shop", "[fd00::9]:80")
        self.assertIn("is in the backend already", self.refused("endpoint", "add", "shop", "[FD00:0::9]:80"))
        self.change("endpoint", "remove", "shop", "[FD00:0::9]:80")
        self.change("endpoint", "add", "shop", "[FD00::9]:80")
        self.assertEqual(len(self.changes()), 1)

    def test_room_is_what_the_dataplane_started_with(self):
        self.write(config(capacity="capacity: { endpoints = 3; };"))
        self.start()
        self.change("endpoint", "add", "shop", THIRD)
        self.assertIn("there is room for 3 endpoints", self.refused("endpoint", "add", "shop", "10.0.0.24:8080"))
        self.change("endpoint", "remove", "shop", FIRST)
        self.change("endpoint", "add", "shop", "10.0.0.24:8080")
        self.assertEqual(list(self.weights()), [SECOND, THIRD, "10.0.0.24:8080"])


class Hostile(Amend):
    """What no sluicectl sends."""

    def ask(self, **request):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path("c.sock"))
            s.sendall(json.dumps({"command": "change", **request}).encode() + b"\n")
            with s.makefile("r", encoding="utf-8") as answer:
                return json.loads(answer.readline())

    def test_requests_that_are_none(self):
        self.start()
        for request in ({}, {"what": "consumer add"}, {"what": "consumer add", "of": "x"}, {"what": "consumer add", "of": 7, "name": "gold"},
                {"what": "consumer add", "of": "x", "name": ["gold"]}, {"what": "consumer remove", "of": {}},
                {"what": "consumer plan", "of": "acme", "name": "g" * 4000}, {"what": "consumer", "of": "acme", "name": "gold"},
                {"what": "endpoint add", "of": "shop", "name": THIRD}, {"what": "endpoint add", "of": "shop", "name": THIRD, "weight": "1"},
                {"what": "endpoint add", "of": "shop", "name": THIRD, "weight": -1},
                {"what": "endpoint add", "of": "shop", "name": THIRD, "weight": 1 << 40},
                {"what": "consumer add", "of": "x\n\x1b[2J", "name": "gold"}, {"what": "consumer add", "of": "x", "name": "%n%s"},
                {"what": "endpoint add", "of": "%n%s%s", "name": THIRD, "weight": 1},
                {"what": "endpoint remove", "of": "shop", "name": "%s%n"}):
            answer = self.ask(**request)
            self.assertFalse(answer["ok"], (request, answer))
        self.assertEqual((self.changes(), self.generation()), ([], 1))

    def test_lists_that_control_did_not_write_keep_it_from_starting(self):
        for bad in ('{"number": 1, "what": "consumer add", "consumer": "x"}', '{"number": 1, "what": "consumer plan", "plan": "gold"}',
                '{"number": 1, "what": "endpoint add", "backend": "shop", "endpoint": "%s", "weight": 1001}' % THIRD,
                '{"number": 1, "what": "endpoint remove", "backend": "shop"}',
                '{"number": 1, "what": "consumer remove", "consumer": "' + "x" * 65 + '"}'):
            os.makedirs(self.path("c.sock.state"), 0o700, exist_ok=True)
            with open(self.path("c.sock.state/changes.json"), "w", encoding="utf-8") as f:
                f.write(f"[{bad}]")
            self.start_control()
            self.assertEqual(self.control.wait(20), 1, bad)
            self.control.stderr.close()

    def test_a_list_of_what_makes_no_sense_changes_nothing(self):
        os.mkdir(self.path("c.sock.state"), 0o700)
        with open(self.path("c.sock.state/changes.json"), "w", encoding="utf-8") as f:
            json.dump([{"number": 1, "what": "endpoint add", "backend": "shop", "endpoint": "nonsense", "weight": 1},
                {"number": 2, "what": "consumer plan", "consumer": "ghost", "plan": "gold"},
                {"number": 3, "what": "endpoint remove", "backend": "ghost", "endpoint": FIRST}], f)
        self.start()
        self.assertEqual(self.weights(), {FIRST: "5", SECOND: "3"})
        self.change("consumer", "add", "globex", "--plan", "gold")
        self.assertEqual(self.weights(), {FIRST: "5", SECOND: "3"})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[4:])
