#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev demo`: a gateway with conf/quickstart.conf between a client and three backends, shown working.

Every line of the table is something that a real curl, openssl or wrk in the client's namespace saw, or
that a backend said about the request it got. Nothing is taken from Sluice's own word but the last rows,
which hold its statistics against what was sent.
"""
import argparse
import collections
import json
import os
import re
import shlex
import sys
import time

from bed import BACKENDS, OUTSIDE_IP, ROOT, Bed, BedError, ProcessDied, exit_on_signals
from sluice import DEMO_HOST, Sluice, key_digest

ORDERS = "/v1/orders/4711"
CATALOG = "/v1/catalog/items"
WEIGHTS = dict(zip(BACKENDS, (5, 3, 2)))


def find_keys(config_text):
    """The demonstration keys stand in the configuration's comments; a key belongs to the consumer under
    whose name its digest is. @return {consumer: key}"""
    keys = {}
    for key in re.findall(r"ak_(?:live|test)_[A-Za-z0-9]{32}", config_text):
        at = config_text.find(key_digest(key))
        if at < 0:
            continue
        names = re.findall(r'name\s*=\s*"([^"]+)"', config_text[:at])
        keys[names[-1]] = key
    return keys


class Answer:
    """What curl saw: status, fields (lower case) and body."""

    def __init__(self, text):
        head, _, self.body = text.partition("\n\n")
        lines = head.split("\n")
        self.status = int(lines[0].split()[1])
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields[name.strip().lower()] = value.strip()

    def json(self):
        return json.loads(self.body)


def reason_of(error):
    """The last line that is said: what comes before is the command and more of its output."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class Demo:
    def __init__(self, bed, gateway):
        self.bed, self.gateway = bed, gateway
        self.rows = []
        with open(gateway.config, encoding="utf-8") as f:
            self.keys = find_keys(f.read())

    def curl_argv(self, url, key=None, *more):
        argv = ["curl", "-sS", "-i", "-m", "10", "--resolve", f"{DEMO_HOST}:80:{OUTSIDE_IP}",
            "--resolve", f"{DEMO_HOST}:443:{OUTSIDE_IP}"]
        if url.startswith("https"):
            argv += ["--cacert", self.gateway.certificate]
        if key:
            argv += ["-H", f"X-API-Key: {key}"]
        return [*argv, *more, url]

    def curl(self, url, key=None, *more):
        done = self.bed.run("client", *self.curl_argv(url, key, *more), check=False)
        if done.returncode != 0:
            raise BedError(f"curl {url}: exit {done.returncode}\n{done.stderr.strip()}")
        return Answer(done.stdout.replace("\r\n", "\n"))

    def curl_many(self, url_glob, key):
        """Many requests on one connection. @return list of (status, JSON or None, Retry-After)"""
        done = self.bed.run("client", "curl", "-sS", "-m", "30", "--resolve",
            f"{DEMO_HOST}:80:{OUTSIDE_IP}", "-H", f"X-API-Key: {key}", "-w",
            "\x1e%{http_code} %header{retry-after}\x1f", url_glob)
        answers = []
        for part in done.stdout.split("\x1f"):
            body, mark, verdict = part.partition("\x1e")
            if mark:
                status, _, retry_after = verdict.partition(" ")
                answers.append((int(status), body, retry_after))
        return answers

    def row(self, check, expected, observed, ok):
        self.rows.append((check, expected, observed, ok))

    def check(self, name, expected, observe):
        """Run observe() -> (observed, ok); an exception is an observation too."""
        try:
            observed, ok = observe()
        except (BedError, ValueError, KeyError, IndexError) as e:
            observed, ok = reason_of(e), False
        self.row(name, expected, observed, bool(ok))

    def status_check(self, name, expected, url, key=None, *more):
        def observe():
            answer = self.curl(url, key, *more)
            reason = ""
            if answer.fields.get("content-type", "").startswith("application/problem+json"):
                reason = " " + answer.json().get("title", "")
            return f"{answer.status}{reason}", answer.status == expected
        self.check(name, str(expected), observe)

    def run(self):
        http, https = f"http://{DEMO_HOST}", f"https://{DEMO_HOST}"
        acme, globex = self.keys.get("acme"), self.keys.get("globex")
        if not acme or not globex:
            raise BedError(f"{self.gateway.config}: no demonstration keys of acme and globex in its comments")
        wrong = "ak_live_" + "0" * 32

        self.status_check("good key, clear text", 200, http + ORDERS, acme)
        self.status_check("good key, TLS", 200, https + ORDERS, globex)
        self.check("TLS version and certificate", "TLSv1.3, verified", self.observe_tls)
        self.check("backend sees who calls", "acme", lambda: self.observe_identity(http, acme))
        self.check("a client cannot claim to be another", "acme",
            lambda: self.observe_identity(http, acme, "-H", "Sluice-Consumer: globex"))
        self.status_check("no key", 401, http + ORDERS)
        self.status_check("wrong key", 401, http + ORDERS, wrong)
        self.status_check("API outside the plan", 403, http + CATALOG, acme)
        self.status_check("API inside the plan", 200, http + CATALOG, globex)
        self.status_check("no such route", 404, http + "/v2/nothing", acme)
        self.check("over the plan", "some 200, then 429 with Retry-After", lambda: self.observe_limit(http, acme))
        self.check("weights of the backends", "50:30:20 of 100", lambda: self.observe_weights(http, globex))
        self.check("load: 16 connections, 5 s", "requests, no error", lambda: self.observe_load(http, globex))
        self.check("statistics count the refused", "as many as were seen", self.observe_stats)
        return all(ok for *_, ok in self.rows)

    def observe_tls(self):
        done = self.bed.run("client", "openssl", "s_client", "-connect", f"{OUTSIDE_IP}:443",
            "-servername", DEMO_HOST, "-CAfile", self.gateway.certificate, "-verify_return_error",
            "-brief", stdin=open(os.devnull, encoding="ascii"), check=False)
        text = done.stdout + done.stderr
        version = re.search(r"Protocol version: (\S+)", text)
        verified = "Verification: OK" in text
        return (f"{version.group(1) if version else 'no handshake'}, "
            f"{'verified' if verified else 'not verified'}"), version and verified and version.group(1) == "TLSv1.3"

    def observe_identity(self, http, key, *more):
        seen = self.curl(http + ORDERS, key, *more).json()
        return seen["consumer"], seen["consumer"] == "acme"

    def observe_limit(self, http, key):
        answers = self.curl_many(f"{http}/v1/orders/[1-60]", key)
        statuses = collections.Counter(status for status, *_ in answers)
        waits = {retry for status, _, retry in answers if status == 429}
        self.limited_seen = statuses[429]
        return (", ".join(f"{n} × {s}" for s, n in sorted(statuses.items())) +
            (f", Retry-After {'/'.join(sorted(waits))}" if waits else ""),
            set(statuses) == {200, 429} and waits and all(w.isdigit() for w in waits))

    def observe_weights(self, http, key):
        answers = self.curl_many(f"{http}{CATALOG}?n=[1-100]", key)
        shares = collections.Counter(json.loads(body)["backend"] if status == 200 else status
            for status, body, _ in answers)
        observed = ":".join(str(shares[name]) for name in BACKENDS)
        # Smooth weighted round robin is exact over any ten in a row of one worker; one off at each end.
        ok = sum(shares[name] for name in BACKENDS) == 100 and all(
            abs(shares[name] - WEIGHTS[name] * 10) <= 2 for name in BACKENDS)
        return observed, ok

    def observe_load(self, http, key):
        done = self.bed.run("client", "wrk", "-t1", "-c16", "-d5s", "--latency", "-H", f"Host: {DEMO_HOST}",
            "-H", f"X-API-Key: {key}", f"http://{OUTSIDE_IP}{CATALOG}", timeout=60)
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
        p99 = re.search(r"99%\s+(\S+)", done.stdout).group(1)
        bad = re.search(r"(Socket errors:.*|Non-2xx.*)", done.stdout)
        return f"{rate:,.0f} requests/s, p99 {p99}{', ' + bad.group(1) if bad else ''}", rate > 100 and not bad

    def observe_stats(self):
        consumers = self.gateway.stats().consumers()
        counted = consumers["acme"]["limited"]
        return f"{counted} for acme", counted == self.limited_seen

    def print_table(self):
        head = ("check", "expected", "observed", "ok")
        rows = [head] + [(c, e, o.split("\n")[0][:70], "yes" if ok else "NO") for c, e, o, ok in self.rows]
        widths = [max(len(r[i]) for r in rows) for i in range(4)]
        for i, row in enumerate(rows):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
            if i == 0:
                print("  ".join("─" * width for width in widths))

    def print_try(self):
        def line(*argv):
            return "  " + " ".join(shlex.quote(a) for a in argv)
        def in_client(argv):
            return line(*self.bed.argv("client", *argv))
        acme, globex = self.keys["acme"], self.keys["globex"]
        print("\nIt stays up until Ctrl-C. Try (as root, in another terminal):")
        print(in_client(self.curl_argv(f"http://{DEMO_HOST}{ORDERS}", acme)))
        print(in_client(self.curl_argv(f"https://{DEMO_HOST}{CATALOG}", globex)))
        print(in_client(["wrk", "-t1", "-c16", "-d5s", "-H", f"Host: {DEMO_HOST}", "-H",
            f"X-API-Key: {globex}", f"http://{OUTSIDE_IP}{CATALOG}"]))
        for command in (["status"], ["stats"], ["top"], ["apply", self.gateway.config]):
            print(line(*self.gateway.ctl_argv(*command)))
        print(f"Processes: sluice-dataplane {self.bed.processes['dataplane'].pid}, "
            f"sluice-control {self.bed.processes['control'].pid} (try kill -9 under load)")
        print(f"Configuration: {self.gateway.config}\nLogs: {self.bed.path('log')}, {self.gateway.access_log}")


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def supervise(bed, gateway):
    """Until Ctrl-C. A process that ends is started again after a moment, as systemd would do."""
    start = {"dataplane": gateway.start_dataplane, "control": gateway.start_control}
    while True:
        for name, again in start.items():
            if not bed.alive(name):
                say(f"sluice-{name} ended ({bed.processes[name].returncode}); it is started again in 3 s")
                time.sleep(3)
                again()
                say(f"sluice-{name} is started, pid {bed.processes[name].pid}")
        time.sleep(0.3)


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--once", action="store_true", help="check, tear down, exit 0 if all was observed")
    args = parser.parse_args()
    exit_on_signals()
    good = None
    with Bed() as bed:
        try:
            say("namespaces, wires and three backends")
            bed.up()
            gateway = Sluice(bed)
            if gateway.no_huge:
                say(f"without hugepages: {gateway.no_huge}")
            gateway.use_config(os.path.join(ROOT, "conf", "quickstart.conf"))
            say("dataplane and control")
            gateway.start()
            say("checks from the client's namespace")
            demo = Demo(bed, gateway)
            good = demo.run()
            demo.print_table()
            print("\n" + gateway.ctl("stats").rstrip())
            if not good:
                say("a check failed; logs:")
                bed.print_logs()
                print(f"\n{sum(not ok for *_, ok in demo.rows)} of {len(demo.rows)} checks failed")
            else:
                print(f"\nall {len(demo.rows)} checks were observed")
            if not args.once:
                demo.print_try()
                sys.stdout.flush()
                supervise(bed, gateway)
        except KeyboardInterrupt:
            say("tearing down")
            return 130 if args.once or good is None else 0 if good else 1
        except BaseException as e:
            if not (isinstance(e, SystemExit) and isinstance(e.code, int)):
                bed.print_logs()
            raise
        return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BedError, ProcessDied) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        sys.exit(1)
